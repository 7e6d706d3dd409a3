/* The metadata of a checkpoint as texts: made from a session, compared with one, read back. Internal to train/checkpoint*.c. */
#ifndef YOLO_TRAIN_CHECKPOINT_FACTS_H
#define YOLO_TRAIN_CHECKPOINT_FACTS_H

#include "train/checkpoint.h"
#include "weights/weights.h"

enum { YOLO_CHECKPOINT_FACTS = 16 };

/* In a fixed order; NULL: missing. */
typedef struct yolo_checkpoint_facts {
  char *values[YOLO_CHECKPOINT_FACTS]; /* owned */
} yolo_checkpoint_facts;

yolo_status yolo_checkpoint_facts_make(const yolo_session *session, const yolo_checkpoint_state *state,
                                       yolo_checkpoint_facts *out);
/* As a file has them; a missing one is YOLO_EFORMAT. */
yolo_status yolo_checkpoint_facts_read(const char *path, const yolo_safetensors_reader *reader, yolo_checkpoint_facts *out);
void yolo_checkpoint_facts_release(yolo_checkpoint_facts *facts);

/* Fills pairs[YOLO_CHECKPOINT_FACTS]; texts stay those of the facts. */
void yolo_checkpoint_facts_list(const yolo_checkpoint_facts *facts, yolo_metadata *pairs);

/* YOLO_EINVAL, and the difference, where the file's facts are of another training than the session's. */
yolo_status yolo_checkpoint_facts_compare(const char *path, const yolo_checkpoint_facts *file,
                                          const yolo_checkpoint_facts *session);
/* The numbers: into out, and the session's step and images. A malformed one is YOLO_EFORMAT. */
yolo_status yolo_checkpoint_facts_take(const char *path, const yolo_checkpoint_facts *facts, yolo_session *session,
                                       yolo_checkpoint_state *out);

#endif
