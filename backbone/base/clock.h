/* One clock for everything that is timed. */
#ifndef YOLO_BASE_CLOCK_H
#define YOLO_BASE_CLOCK_H

/* Milliseconds since some moment in the past; never runs backwards, whatever is done to the time of day. */
double yolo_now_ms(void);

#endif
