/* multipart.h - a multipart/form-data body as it comes, piece by piece.
 *
 * Bytes go in as they are received and parts come out as calls; nothing is held but the head of the
 * part at hand. A body that is not as the standard (RFC 7578) has it is refused, with its fault. */
#ifndef POTSTILL_CLI_MULTIPART_H
#define POTSTILL_CLI_MULTIPART_H

#include <stddef.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70, /* by RFC 2046 */
    MULTIPART_PARTS_MAX = 64,    /* the API has some 20 fields */
    MULTIPART_HEAD_MAX = 4096,   /* of a part: three lines, one with a file name */
    MULTIPART_NAME_MAX = 255,    /* bytes of a name: what file systems allow */
};

struct multipart_part {
    char name[MULTIPART_NAME_MAX + 1];
    char filename[MULTIPART_NAME_MAX + 1]; /* "": it has none */
    int has_filename;
};

/* Other than 0 stops: multipart_feed() then fails, and `problem` is the callee's to set. */
struct multipart_calls {
    int (*begin)(void *user, const struct multipart_part *part);
    int (*data)(void *user, const char *bytes, size_t count);
    int (*end)(void *user);
};

enum multipart_state {
    MULTIPART_BEFORE, /* the first delimiter */
    MULTIPART_AFTER,  /* a delimiter, on its line */
    MULTIPART_HEAD,
    MULTIPART_DATA,
    MULTIPART_DONE, /* what follows is nobody's */
};

struct multipart {
    const struct multipart_calls *calls;
    void *user;
    const char *problem; /* NULL: none; what is wrong with the body */
    enum multipart_state state;
    char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1]; /* "\r\n--boundary" */
    size_t delimiter_length, matched;               /* of it, at the end of what has come */
    char line[4];                                   /* [line_length] what follows a delimiter */
    size_t line_length;
    char head[MULTIPART_HEAD_MAX + 1];
    size_t head_length, parts;
};

/* 0, or -1: `content_type` is not multipart/form-data with a boundary, see problem. */
int multipart_begin(struct multipart *multipart, const char *content_type,
                    const struct multipart_calls *calls, void *user);
/* 0, or -1: the body is wrong (problem), or a call has stopped it. */
int multipart_feed(struct multipart *multipart, const char *bytes, size_t count);
/* The body has ended. 0, or -1: too early. */
int multipart_end(struct multipart *multipart);

#endif
