/* The rows of [data]: see data_settings.h. */
#include "datasets/data_settings.h"

#include <stddef.h>

const char *const yolo_split_names[YOLO_SPLIT_COUNT] = {"train", "val", "test"};

/* The readers by name, behind "auto" (a test compares with reader_list.h). */
static const char *const formats[] = {NULL, "coco", "yolo", "voc", "masks", "folders", "idx", "cifar", "darknet"};

const char *yolo_data_settings_format(const yolo_data_settings *data) { return formats[data->format]; }

#define AT(field) offsetof(yolo_data_settings, field)

static const yolo_setting rows[] = {
    {"format", YOLO_SETTING_CHOICE, AT(format), "auto", 0, 0, "auto|coco|yolo|voc|masks|folders|idx|cifar|darknet",
     "of the labels; auto looks at what is there"},
    {"train", YOLO_SETTING_PATHS, AT(labels[YOLO_SPLIT_TRAIN]), NULL, 0, 0, NULL,
     "what is trained on: label files or folders; a comma between several"},
    {"train_images", YOLO_SETTING_PATHS, AT(images[YOLO_SPLIT_TRAIN]), NULL, 0, 0, NULL,
     "folder of their images: one for all, or one each; empty: as the format has it"},
    {"val", YOLO_SETTING_PATHS, AT(labels[YOLO_SPLIT_VAL]), NULL, 0, 0, NULL, "what a model is judged by while it is trained"},
    {"val_images", YOLO_SETTING_PATHS, AT(images[YOLO_SPLIT_VAL]), NULL, 0, 0, NULL, "as train_images"},
    {"test", YOLO_SETTING_PATHS, AT(labels[YOLO_SPLIT_TEST]), NULL, 0, 0, NULL, "what is looked at last, once"},
    {"test_images", YOLO_SETTING_PATHS, AT(images[YOLO_SPLIT_TEST]), NULL, 0, 0, NULL, "as train_images"},
    {"names", YOLO_SETTING_LIST, AT(names), NULL, 0, 0, NULL,
     "the classes in their order: a file with one a line, or a list; empty: those of the labels"},
    {"cache", YOLO_SETTING_CHOICE, AT(cache), "off", 0, 0, "off|ram|disk", "where decoded images are kept between epochs"},
    {"cache_folder", YOLO_SETTING_PATH, AT(cache_folder), NULL, 0, 0, NULL, "for cache = disk; empty: the user's cache folder"},
    {"workers", YOLO_SETTING_INT, AT(workers), "0", 0, 1024, NULL, "threads that read and augment; 0: every core it may use"},
    {"index", YOLO_SETTING_BOOL, AT(index), "on", 0, 0, NULL, "keep an index of the labels, for a quick second start"},
    {NULL, YOLO_SETTING_BOOL, 0, NULL, 0, 0, NULL, NULL},
};
const yolo_setting_section yolo_data_section = {"data", "the labelled images; relative paths begin in this file's folder", rows,
                                                0};
