/* multipart.c - see multipart.h. */
#include "serve/multipart.h"

#include <string.h>
#include <strings.h>

static int refuse(struct multipart *m, const char *problem) {
    if (!m->problem) m->problem = problem;
    return -1;
}

/* ------------------------------------------------------------------------------------- headers */

/* The value of a parameter at `at`, a token or in quotes, into `value` [size]: what follows it, or
 * NULL when it is too long or does not end. */
static const char *read_value(const char *at, char *value, size_t size) {
    size_t length = 0;
    int quoted = *at == '"';
    for (at += quoted; quoted ? *at != '"' : *at && !strchr("; \t\r\n", *at); at++) {
        /* Only a quote is escaped: browsers send the backslashes of Windows as they are. */
        if (quoted && at[0] == '\\' && at[1] == '"') at++;
        if (!*at || length + 1 == size) return NULL;
        value[length++] = *at;
    }
    value[length] = '\0';
    return at + quoted;
}

/* The parameter `name` of a header's value, "form-data; name=\"file\"; ...". 1: it is there; 0: it
 * is not; -1: the value cannot be read. */
static int find_parameter(const char *header, const char *name, char *value, size_t size) {
    char other[2 * MULTIPART_NAME_MAX];
    size_t length = strlen(name);
    const char *at = header + strcspn(header, ";");
    while (at && *at == ';') {
        at += 1 + strspn(at + 1, " \t");
        size_t key = strcspn(at, "=; \t");
        int found = key == length && strncasecmp(at, name, length) == 0;
        if (at[key] != '=') return found ? -1 : 0;
        at = read_value(at + key + 1, found ? value : other, found ? size : sizeof other);
        if (found) return at ? 1 : -1;
        if (at) at += strspn(at, " \t");
    }
    return at ? 0 : -1;
}

/* The value of a line "Name: value" of m->head, whose lines end in NUL here; NULL: none. */
static const char *find_header(const struct multipart *m, const char *name) {
    size_t length = strlen(name);
    for (const char *line = m->head; line < m->head + m->head_length; line += strlen(line) + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    return NULL;
}

static int is_token(const char *value, const char *token) {
    size_t length = strlen(token);
    return strncasecmp(value, token, length) == 0 && strchr("; \t", value[length]) != NULL;
}

static int begin_part(struct multipart *m) {
    struct multipart_part part = {.name = ""};
    if (memchr(m->head, '\0', m->head_length)) return refuse(m, "a part has NUL in its head");
    for (size_t i = 0; i < m->head_length; i++)
        if (m->head[i] == '\r' || m->head[i] == '\n') m->head[i] = '\0';
    m->head[m->head_length] = '\0';
    const char *disposition = find_header(m, "Content-Disposition");
    const char *encoding = find_header(m, "Content-Transfer-Encoding");
    if (!disposition || !is_token(disposition, "form-data"))
        return refuse(m, "a part has no Content-Disposition: form-data");
    if (encoding && !is_token(encoding, "binary") && !is_token(encoding, "8bit") &&
        !is_token(encoding, "7bit"))
        return refuse(m, "a part has a Content-Transfer-Encoding, expected its bytes as they are");
    if (find_parameter(disposition, "name", part.name, sizeof part.name) != 1)
        return refuse(m, "a part has no name, or one that is too long");
    part.has_filename =
        find_parameter(disposition, "filename", part.filename, sizeof part.filename);
    if (part.has_filename < 0) return refuse(m, "a file name is too long or does not end");
    if (++m->parts > MULTIPART_PARTS_MAX) return refuse(m, "there are too many parts");
    m->state = MULTIPART_DATA;
    return m->calls->begin(m->user, &part) ? -1 : 0;
}

/* ---------------------------------------------------------------------------------------- body */

static int give(const struct multipart *m, const char *bytes, size_t count) {
    if (m->state == MULTIPART_BEFORE || count == 0) return 0; /* a preamble is nobody's */
    return m->calls->data(m->user, bytes, count) ? -1 : 0;
}

/* Bytes up to the end of a delimiter. Takes some and returns how many; 0: a call has stopped it.
 * Only the first character of a delimiter is a carriage return: where it breaks off, the next one
 * can only begin at the byte at hand. */
static size_t scan(struct multipart *m, const char *bytes, size_t count) {
    if (m->matched == 0) {
        const char *from = memchr(bytes, '\r', count);
        size_t plain = from ? (size_t)(from - bytes) : count;
        if (plain) return give(m, bytes, plain) ? 0 : plain;
    }
    if (bytes[0] != m->delimiter[m->matched]) {
        size_t held = m->matched;
        m->matched = 0;
        if (give(m, m->delimiter, held)) return 0;
        if (bytes[0] != '\r') return give(m, bytes, 1) ? 0 : 1;
    }
    if (++m->matched < m->delimiter_length) return 1;
    if (m->state == MULTIPART_DATA && m->calls->end(m->user)) return 0;
    m->state = MULTIPART_AFTER;
    m->line_length = m->matched = 0;
    return 1;
}

/* The rest of the line of a delimiter: "--" is the end, else nothing but blanks. */
static int add_to_line(struct multipart *m, char byte) {
    if ((byte == ' ' || byte == '\t') && m->line_length == 0) return 0;
    m->line[m->line_length++] = byte;
    if (m->line_length < 2) return 0;
    if (memcmp(m->line, "--", 2) == 0)
        m->state = MULTIPART_DONE;
    else if (memcmp(m->line, "\r\n", 2) == 0)
        m->state = MULTIPART_HEAD;
    else
        return refuse(m, "a boundary is followed by something else");
    m->head_length = 0;
    return 0;
}

static int add_to_head(struct multipart *m, char byte) {
    if (m->head_length == MULTIPART_HEAD_MAX) return refuse(m, "the head of a part is too long");
    m->head[m->head_length++] = byte;
    size_t length = m->head_length;
    int ends = (length == 2 && memcmp(m->head, "\r\n", 2) == 0) ||
               (length >= 4 && memcmp(m->head + length - 4, "\r\n\r\n", 4) == 0);
    return ends ? begin_part(m) : 0;
}

int multipart_feed(struct multipart *m, const char *bytes, size_t count) {
    while (count > 0) {
        size_t taken = 1;
        int failed = 0;
        switch (m->state) {
        case MULTIPART_BEFORE:
        case MULTIPART_DATA:
            taken = scan(m, bytes, count);
            failed = taken == 0;
            break;
        case MULTIPART_AFTER: failed = add_to_line(m, *bytes); break;
        case MULTIPART_HEAD: failed = add_to_head(m, *bytes); break;
        case MULTIPART_DONE: return 0;
        }
        if (failed) return -1;
        bytes += taken;
        count -= taken;
    }
    return 0;
}

int multipart_begin(struct multipart *m, const char *content_type,
                    const struct multipart_calls *calls, void *user) {
    *m = (struct multipart){.calls = calls, .user = user, .delimiter = "\r\n--"};
    if (!content_type || !is_token(content_type, "multipart/form-data"))
        return refuse(m, "expected Content-Type: multipart/form-data");
    if (find_parameter(content_type, "boundary", m->delimiter + 4, MULTIPART_BOUNDARY_MAX + 1) !=
            1 ||
        !m->delimiter[4] || strpbrk(m->delimiter + 4, "\r\n"))
        return refuse(m, "expected a boundary of 1 to 70 characters in Content-Type");
    m->delimiter_length = strlen(m->delimiter);
    m->matched = 2; /* the first one may stand at the very beginning */
    return 0;
}

int multipart_end(struct multipart *m) {
    return m->state == MULTIPART_DONE ? 0 : refuse(m, "the body ends before its last boundary");
}
