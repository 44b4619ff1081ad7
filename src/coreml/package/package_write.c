/* package_write.c - writes a package: weights, program and manifest into a temporary folder that
 * then gets its name.
 *
 * The idea to hold: the same model gives the same bytes on every machine. The identifiers that
 * other writers draw at random are derived from what they identify. */
#include "coreml/package/package.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "base/folder_writer.h"
#include "coreml/package/package_blob.h"
#include "coreml/package/package_message.h"

/* The last three are those of a decoder beside the packages. */
static const char *const NAMES[] = {"Manifest.json",    "Data",
                                    "com.apple.CoreML", "model.mlmodel",
                                    "weights",          "weight.bin",
                                    "potstill.json",    "tokenizer.json",
                                    "config.json",      "generation_config.json",
                                    "model.safetensors"};
enum { NAMES_COUNT = sizeof NAMES / sizeof *NAMES, DECODER_NAMES = 3 };

const struct folder_files PACKAGE_FILES = {
    .what = "a package, or of what was converted",
    .names = NAMES,
    .count = NAMES_COUNT - DECODER_NAMES,
    .suffix = ".mlpackage",
};

const struct folder_files PACKAGE_FILES_AND_DECODER = {
    .what = "what was converted",
    .names = NAMES,
    .count = NAMES_COUNT,
    .suffix = ".mlpackage",
};

/* "XXXXXXXX-XXXX-8XXX-YXXX-XXXXXXXXXXXX" and a NUL: a UUID of version 8, which is made by a rule of
 * one's own. */
enum { UUID_SIZE = 37 };

static void make_uuid(const char hex[DIGEST_HEX_SIZE], char uuid[UUID_SIZE]) {
    static const char variants[] = "89AB";
    size_t at = 0;
    for (size_t i = 0; i < 32; i++) {
        char digit = hex[i];
        if (i == 12) digit = '8';
        if (i == 16) digit = variants[(unsigned char)digit & 3];
        if (digit >= 'a') digit = (char)(digit - 'a' + 'A');
        if (i == 8 || i == 12 || i == 16 || i == 20) uuid[at++] = '-';
        uuid[at++] = digit;
    }
    uuid[at] = 0;
}

static void add_entry(struct buffer *text, const char *uuid, const char *description,
                      const char *name, const char *end) {
    buffer_format(text,
                  "        \"%s\": {\n"
                  "            \"author\": \"com.apple.CoreML\",\n"
                  "            \"description\": \"%s\",\n"
                  "            \"name\": \"%s\",\n"
                  "            \"path\": \"com.apple.CoreML/%s\"\n"
                  "        }%s\n",
                  uuid, description, name, name, end);
}

/* The manifest as Apple's tools lay it out: four spaces, keys in order, a newline at the end.
 * `weights` is the weight file's hash or "". */
static void build_manifest(struct buffer *text, const char program[DIGEST_HEX_SIZE],
                           const char *weights) {
    char model_id[UUID_SIZE], weights_id[UUID_SIZE] = "";
    make_uuid(program, model_id);
    buffer_text(text, "{\n    \"fileFormatVersion\": \"1.0.0\",\n    \"itemInfoEntries\": {\n");
    if (weights[0] != 0) make_uuid(weights, weights_id);
    int first = weights[0] != 0 && strcmp(weights_id, model_id) < 0;
    if (first) add_entry(text, weights_id, "CoreML Model Weights", "weights", ",");
    add_entry(text, model_id, "CoreML Model Specification", "model.mlmodel",
              weights[0] != 0 && !first ? "," : "");
    if (weights[0] != 0 && !first)
        add_entry(text, weights_id, "CoreML Model Weights", "weights", "");
    buffer_format(text, "    },\n    \"rootModelIdentifier\": \"%s\"\n}\n", model_id);
}

/* The folders that `path` lies in. */
static pst_status make_parents(const char *path, pst_error *err) {
    if (path_make_parents(path)) return PST_OK;
    return errno == ENOMEM ? error_memory(err, 0)
                           : error_system(err, "create the folder of", path, errno);
}

/* "folder/name" as a file with these bytes. */
static pst_status write_file(const char *folder, const char *name, const void *bytes, size_t length,
                             pst_error *err) {
    struct file_writer writer = {0};
    char *path = path_join(folder, name);
    if (path == NULL) return error_memory(err, 0);
    pst_status status = make_parents(path, err);
    if (!status) status = file_writer_open(&writer, path, err);
    if (!status) status = file_writer_put(&writer, bytes, length, err);
    if (!status) status = file_writer_commit(&writer, err);
    file_writer_abort(&writer);
    free(path);
    return status;
}

static pst_status write_weights(struct blob_plan *plan, const char *folder,
                                const struct cancel *cancel, char hex[DIGEST_HEX_SIZE],
                                pst_error *err) {
    hex[0] = 0;
    if (plan->count == 0) return PST_OK;
    char *path = path_join(folder, "Data/com.apple.CoreML/weights/weight.bin");
    if (path == NULL) return error_memory(err, 0);
    pst_status status = make_parents(path, err);
    if (!status) status = blob_write(plan, path, cancel, hex, err);
    free(path);
    return status;
}

static pst_status write_program(const struct mil_model *model, const char *folder,
                                char hex[DIGEST_HEX_SIZE], pst_error *err) {
    unsigned char *bytes = NULL;
    size_t length = 0;
    struct digest digest = {0};
    pst_status status = message_write(model, &bytes, &length, err);
    if (!status) status = digest_begin(&digest, DIGEST_SHA256, err);
    if (!status) status = digest_add(&digest, bytes, length, err);
    if (!status) status = digest_end(&digest, hex, err);
    if (!status)
        status = write_file(folder, "Data/com.apple.CoreML/model.mlmodel", bytes, length, err);
    digest_free(&digest);
    free(bytes);
    return status;
}

static pst_status write_parts(struct mil_model *model, const char *folder,
                              const struct cancel *cancel, pst_error *err) {
    struct blob_plan plan = {0};
    struct buffer manifest = {0};
    char program[DIGEST_HEX_SIZE], weights[DIGEST_HEX_SIZE];
    pst_status status = blob_plan_model(&plan, model, err);
    if (!status) status = write_weights(&plan, folder, cancel, weights, err);
    if (!status) status = write_program(model, folder, program, err);
    if (!status) {
        build_manifest(&manifest, program, weights);
        status = manifest.failed
                     ? error_memory(err, 0)
                     : write_file(folder, "Manifest.json", manifest.data, manifest.length, err);
    }
    buffer_free(&manifest);
    blob_plan_free(&plan);
    return status;
}

/* Only a package may be replaced, because all that is in the old folder is deleted. */
static pst_status check_target(const char *path, pst_error *err) {
    if (!path_is_folder(path) || path_has_file(path, "Manifest.json")) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: exists and is not a package", path);
}

pst_status package_write(struct mil_model *model, const char *path, int force,
                         const struct cancel *cancel, pst_error *err) {
    struct folder_writer folder = {0};
    pst_status status = mil_model_check(model, err);
    if (!status && force) status = check_target(path, err);
    if (!status) status = folder_writer_open(&folder, path, force ? &PACKAGE_FILES : NULL, err);
    if (status) return status;
    status = write_parts(model, folder.temporary.path, cancel, err);
    if (!status) status = cancel_check(cancel, err);
    if (!status) status = folder_writer_commit(&folder, err);
    folder_writer_abort(&folder);
    return status;
}
