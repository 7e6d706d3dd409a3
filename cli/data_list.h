/* The commands under `yolo data`, in the order of its help: DATA_COMMAND(name), each `const cli_command data_<name>` in
 * data_<name>.c. Included without a guard. */
DATA_COMMAND(synth)
DATA_COMMAND(check)
DATA_COMMAND(preview)
DATA_COMMAND(anchors)
DATA_COMMAND(convert)
