/* model_folder.h - what writing a model folder has in common, whatever it is made from. */
#ifndef PST_MODEL_MODEL_FOLDER_H
#define PST_MODEL_MODEL_FOLDER_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/folder_writer.h"
#include "potstill.h"

/* All that merging and importing write, and nothing more: what may be replaced. */
extern const struct folder_files MODEL_FOLDER_FILES;

/* Refuses a target that is `source_dir` itself or that exists and is no model: `force` replaces an
 * earlier model, never another folder that was named by mistake. */
pst_status model_folder_check_target(const char *target_dir, const char *source_dir,
                                     pst_error *err);

/* Refuses <dir>/<name> when it is a link that leads out of `dir`: what is copied into a result is
 * published with it, and a folder of a stranger may point anywhere. A snapshot of the Hugging Face
 * cache (<repository>/snapshots/<commit>) may point into its repository's folder, where its files
 * are. PST_OK also when there is no such file. */
pst_status model_folder_check_file(const char *dir, const char *name, pst_error *err);

/* Writes <dir>/<name>. */
pst_status model_folder_put(const char *dir, const char *name, const char *text, size_t length,
                            pst_error *err);
/* The same; releases `buffer` in any case. */
pst_status model_folder_put_buffer(const char *dir, const char *name, struct buffer *buffer,
                                   pst_error *err);

#endif
