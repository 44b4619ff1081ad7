/* package_fields.h - fields of the messages of package.proto by their names there.
 *
 * Messages are built in a scratch model and thrown away with it. As the builders of mil.h these do
 * not fail one by one: without memory the model is `failed`, and a message that is NULL is left
 * alone. A message that does not have the field is a mistake of the caller. */
#ifndef PST_COREML_PACKAGE_PACKAGE_FIELDS_H
#define PST_COREML_PACKAGE_PACKAGE_FIELDS_H

#include "coreml/mil/mil.h"
#include "package.pb-c.h"

void *fields_new(struct mil_model *scratch, const ProtobufCMessageDescriptor *descriptor);

/* A new message in a field of `message`: behind the others where it is a list. */
void *fields_add(struct mil_model *scratch, void *message, const char *field);
/* A text, which is not copied; NULL: "". */
void fields_text(struct mil_model *scratch, void *message, const char *field, const char *text);
void fields_number(void *message, const char *field, int64_t number);
/* A list of `count` numbers, or as many bytes; not copied. */
void fields_list(void *message, const char *field, const void *items, size_t count);

/* The items of a list of messages, texts or numbers, or bytes. */
const void *fields_items(const void *message, const char *field, size_t *count);

#endif
