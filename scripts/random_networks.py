"""Random networks over the whole model language, for compare_torch.py --random: combinations that nobody would write by
hand and published networks do not have (groups in a dilated 4x4 convolution behind a [route] into a [local] layer ...).

A network grows layer by layer; each generator below either proposes a section that fits what is there or returns None.
The reference (torch_reference.py) computes the shapes, so what it cannot build is never proposed.
"""
import os
import tempfile

from torch_reference import Network

ACTIVATIONS = ("linear leaky relu relu6 logistic tanh hardtan ramp elu selu gelu swish mish hard_mish").split()
LARGEST_MAP = 400_000


class Growing:
    """A cfg on its way: its text, the shapes (C, H, W) of its layers, and dice."""

    def __init__(self, dice):
        self.dice = dice
        width, height = dice.choice([8, 12, 16, 20, 24, 32, 33, 40]), dice.choice([8, 12, 16, 20, 24, 32, 35])
        self.text = f"[net]\nwidth={width}\nheight={height}\nchannels=3\n\n"
        self.shapes = [(3, height, width)]

    @property
    def last(self):
        return self.shapes[-1]

    @property
    def index(self):
        """Of the layer that comes next."""
        return len(self.shapes) - 1

    def maybe(self, chance):
        return self.dice.random() < chance

    def activation(self):
        return self.dice.choice(ACTIVATIONS)

    def layers(self, wanted):
        """The indices of layers whose shape is wanted."""
        return [i for i in range(self.index) if wanted(self.shapes[i + 1])]

    def spell(self, layer):
        """Absolute, or counted back from here."""
        return str(layer if self.maybe(0.5) else layer - self.index)

    def add(self, section):
        """Appends the section when a network can be built with it."""
        text = self.text + section
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
            file.write(text)
            file.flush()
            try:
                network = Network(file.name)
            except (SystemExit, ValueError, RuntimeError, ZeroDivisionError):
                return
        shape = network.layers[-1].shape
        if min(shape) >= 1 and shape[0] * shape[1] * shape[2] <= LARGEST_MAP:
            self.text = text
            self.shapes.append(shape)


def section(name, **keys):
    return f"[{name}]\n" + "".join(f"{key.rstrip('_')}={value}\n" for key, value in keys.items()) + "\n"


# ---- one generator a kind of layer ----
def convolutional(g):
    channels = g.last[0]
    groups = g.dice.choice([d for d in range(1, channels + 1) if channels % d == 0]) if g.maybe(0.5) else 1
    filters = g.dice.choice([32, 48, 65, 255]) if groups == 1 and g.maybe(0.2) else groups * g.dice.randint(1, max(1, 16 // groups))
    keys = {"filters": filters, "size": g.dice.choice([1, 1, 3, 3, 3, 2, 4, 5, 7]), "activation": g.activation(), "groups": groups}
    if g.maybe(0.6):
        keys["batch_normalize"] = 1
    keys.update(g.dice.choice([{"pad": 1}, {"pad": 1}, {"padding": g.dice.randint(0, 3)}, {}]))
    if g.maybe(0.25):
        keys["dilation"] = g.dice.choice([2, 3])
    keys.update(strides(g))
    return section(g.dice.choice(["conv", "convolutional"]), **keys)


def strides(g):
    return g.dice.choice([{}, {"stride": 1}, {"stride": 2}, {"stride_x": g.dice.randint(1, 3), "stride_y": g.dice.randint(1, 2)},
                          {"stride": 2, "stride_x": 1}])


def pooling(name):
    def generate(g):
        size = g.dice.choice([1, 2, 2, 3, 5, 9, 13])
        keys = {"size": size, **strides(g)}
        if g.maybe(0.3):
            keys["padding"] = g.dice.randint(0, 2 * (size - 1))
        return section(name, **keys)
    return generate


def route(g):
    base = g.dice.choice(g.layers(lambda s: True) or [None])
    if base is None:
        return None
    same = g.layers(lambda s: s[1:] == g.shapes[base + 1][1:])
    parts = [g.dice.choice(same) for _ in range(g.dice.randint(1, 5))]
    keys = {"layers": ",".join(g.spell(p) for p in parts)}
    groups = g.dice.choice([1, 2, 3, 4])
    if all(g.shapes[p + 1][0] % groups == 0 for p in parts):
        keys.update(groups=groups, group_id=g.dice.randrange(groups))
    return section("route", **keys)


def shortcut(g):
    same = g.layers(lambda s: s[1:] == g.last[1:])
    if not same:
        return None
    terms = [g.dice.choice(same) for _ in range(g.dice.randint(1, 3))]
    keys = {"from": ",".join(g.spell(t) for t in terms), "activation": g.activation()}
    if g.maybe(0.4):
        keys["weights_type"] = g.dice.choice(["per_feature", "per_layer", "per_channel"])
        keys["weights_normalization"] = g.dice.choice(["none", "relu", "softmax", "avg_relu"])
    return section("shortcut", **keys)


def reorg(name):
    def generate(g):
        s = g.dice.choice([1, 2, 2, 3])
        channels, height, width = g.last
        fits = height % s == 0 and width % s == 0 and (name == "reorg3d" or channels % (s * s) == 0)
        return section(name, stride=s) if fits else None
    return generate


def connected(g):
    keys = {"output": g.dice.choice([1, 5, 16, 33, 100]), "activation": g.activation(), "batch_normalize": g.dice.randint(0, 1)}
    return section(g.dice.choice(["conn", "connected"]), **keys) if g.maybe(0.4) else None


def local(g):
    size = g.dice.choice([1, 2, 3])
    small = g.last[0] * g.last[1] * g.last[2] <= 6000
    keys = {"filters": g.dice.randint(1, 6), "size": size, "stride": g.dice.randint(1, 2), "activation": g.activation()}
    return section("local", pad=g.dice.randint(0, 1) if size == 3 else 0, **keys) if small else None


def softmax(g):
    groups = g.dice.choice([d for d in (1, 2, 3) if g.last[0] % d == 0])
    return section(g.dice.choice(["soft", "softmax"]), groups=groups, temperature=g.dice.choice([0.5, 1, 3.5]))


def scale_channels(g):
    vector, plane = g.last[1:] == (1, 1), g.last[0] == 1
    if not vector and not plane:
        return None
    fits = g.layers(lambda s: s[0] == g.last[0] if vector else s[1:] == g.last[1:])
    keys = {} if vector else {"scale_wh": 1}
    return section("scale_channels", from_=g.dice.choice(fits) - g.index, activation=g.activation(), **keys) if fits else None


def sam(g):
    fits = g.layers(lambda s: s == g.last)
    return section("sam", from_=g.dice.choice(fits) - g.index, activation=g.activation()) if fits else None


GENERATORS = [convolutional] * 6 + [
    pooling("maxpool"), pooling("max"), pooling("local_avgpool"), route, route, shortcut, shortcut, reorg("reorg"),
    reorg("reorg3d"), connected, local, softmax, scale_channels, sam,
    lambda g: section("upsample", stride=g.dice.randint(1, 3), scale=g.dice.choice([1, 0.5, -1])),
    lambda g: section("implicit", filters=g.dice.choice([1, 3, 8]), atoms=g.dice.choice([1, 2, 5])) if g.maybe(0.3) else None,
    lambda g: section("activation", activation=g.activation()),
    lambda g: section(g.dice.choice(["batchnorm", "dropout", "cost", "avgpool", "l2norm"]))]


def random_network(dice):
    """The text of a cfg."""
    g = Growing(dice)
    wanted = dice.randint(4, 18)
    for _ in range(20 * wanted):
        proposal = dice.choice(GENERATORS)(g)
        if proposal:
            g.add(proposal)
        if g.index == wanted:
            break
    if g.last[1:] == (1, 1):
        g.add(section("upsample", stride=2))  # ends in a map: what ends in a vector is a classifier, with rules of its own
    return g.text
