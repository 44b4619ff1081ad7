/* pickle.c - see pickle.h.
 *
 * No instruction leaves more than one new value behind, so the stack, the memo and the
 * members of all tuples and dicts have at most as many values as the pickle has bytes: they
 * are reserved once, and nothing grows. A value refers to others by index and is never
 * walked, so depth costs nothing. */
#include "formats/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

enum {
    PICKLE_BYTES_MAX = 4 << 20, /* a tensor takes some 200 bytes */
    TENSORS_MAX = 1 << 16,
    STORAGE_NAME_MAX = 255, /* they are numbers */
    PROTOCOL = 2,           /* the one that torch writes, and reads in its safe mode */
    TEXT_SHOWN = 80
};

enum kind { UNSET, MARK, NONE, BOOL, INTEGER, TEXT, TUPLE, DICT, GLOBAL, STORAGE, TENSOR };

struct value {
    enum kind kind;
    uint32_t count; /* bytes of a TEXT, members of a TUPLE, STORAGE or TENSOR */
    union {
        int64_t number;   /* BOOL, INTEGER */
        const char *text; /* [count] */
        size_t first;     /* member in machine.members; of a STORAGE or TENSOR: its arguments */
        size_t mark;      /* of a MARK: machine.mark before it */
        size_t dict;      /* its number */
        size_t global;    /* its place in GLOBALS */
    } as;
};

struct pair {
    size_t dict;
    struct value key, value;
};

struct machine {
    const unsigned char *bytes; /* [size] */
    size_t size, at;
    size_t instruction; /* where the one being run begins */
    const char *path;
    pst_error *err;
    struct value *stack;   /* [depth] */
    struct value *memo;    /* [size], by number */
    struct value *members; /* [member_count] of all tuples, one after the other */
    struct pair *pairs;    /* [pair_count] of all dicts, in the order they were made */
    size_t depth, member_count, pair_count, dict_count;
    size_t mark; /* of the stack, up to and with the last mark; 0: there is none */
};

/* ------------------------------------------------------------------------------------- globals */

enum role { MAKE_DICT, MAKE_TENSOR, MAKE_PARAMETER, STORAGE_TYPE };

static const struct {
    const char *module, *name;
    enum role role;
    enum dtype dtype; /* of a STORAGE_TYPE */
} GLOBALS[] = {
    {"collections", "OrderedDict", MAKE_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", MAKE_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", MAKE_PARAMETER, 0},
    {"torch", "FloatStorage", STORAGE_TYPE, DTYPE_F32},
    {"torch", "HalfStorage", STORAGE_TYPE, DTYPE_F16},
    {"torch", "BFloat16Storage", STORAGE_TYPE, DTYPE_BF16},
    {"torch", "DoubleStorage", STORAGE_TYPE, DTYPE_F64},
    {"torch", "LongStorage", STORAGE_TYPE, DTYPE_I64},
    {"torch", "IntStorage", STORAGE_TYPE, DTYPE_I32},
    {"torch", "ShortStorage", STORAGE_TYPE, DTYPE_I16},
    {"torch", "CharStorage", STORAGE_TYPE, DTYPE_I8},
    {"torch", "ByteStorage", STORAGE_TYPE, DTYPE_U8},
    {"torch", "BoolStorage", STORAGE_TYPE, DTYPE_BOOL},
};

/* Instructions of Python's pickle that torch.save() does not need, for messages. */
static const char *const REFUSED[256] = {['0'] = "POP",
                                         ['1'] = "POP_MARK",
                                         ['2'] = "DUP",
                                         ['F'] = "FLOAT",
                                         ['I'] = "INT",
                                         ['L'] = "LONG",
                                         ['P'] = "PERSID",
                                         ['S'] = "STRING",
                                         ['T'] = "BINSTRING",
                                         ['U'] = "SHORT_BINSTRING",
                                         ['V'] = "UNICODE",
                                         ['a'] = "APPEND",
                                         ['B'] = "BINBYTES",
                                         ['C'] = "SHORT_BINBYTES",
                                         ['G'] = "BINFLOAT",
                                         ['d'] = "DICT",
                                         ['e'] = "APPENDS",
                                         ['g'] = "GET",
                                         ['i'] = "INST",
                                         ['l'] = "LIST",
                                         ['o'] = "OBJ",
                                         ['p'] = "PUT",
                                         [']'] = "EMPTY_LIST",
                                         [0x81] = "NEWOBJ",
                                         [0x82] = "EXT1",
                                         [0x83] = "EXT2",
                                         [0x84] = "EXT4",
                                         [0x8b] = "LONG4",
                                         [0x8c] = "SHORT_BINUNICODE",
                                         [0x8d] = "BINUNICODE8",
                                         [0x8e] = "BINBYTES8",
                                         [0x8f] = "EMPTY_SET",
                                         [0x90] = "ADDITEMS",
                                         [0x91] = "FROZENSET",
                                         [0x92] = "NEWOBJ_EX",
                                         [0x93] = "STACK_GLOBAL",
                                         [0x94] = "MEMOIZE",
                                         [0x95] = "FRAME",
                                         [0x96] = "BYTEARRAY8",
                                         [0x97] = "NEXT_BUFFER"};

/* ------------------------------------------------------------------------------------- errors */

static pst_status damaged(const struct machine *m, const char *what) {
    return error_set(m->err, PST_ERR_MODEL, "%s: data.pkl: byte %zu: %s", m->path, m->instruction,
                     what);
}

static pst_status refuse_instruction(const struct machine *m, unsigned char code) {
    return error_set(m->err, PST_ERR_UNSUPPORTED,
                     "%s: data.pkl: byte %zu: pickle instruction 0x%02x (%s), which no dict of "
                     "tensors needs: refused",
                     m->path, m->instruction, code, REFUSED[code] ? REFUSED[code] : "unknown");
}

/* ------------------------------------------------------------------------------ stack and bytes */

/* The next `count` bytes of the program; NULL when there are fewer. */
static const unsigned char *take(struct machine *m, size_t count) {
    if (count > m->size - m->at) return NULL;
    m->at += count;
    return m->bytes + m->at - count;
}

static pst_status push(struct machine *m, struct value value) {
    m->stack[m->depth++] = value;
    return PST_OK;
}

/* The value `below` the top one, of that kind; NULL when there is none such above the last mark. */
static struct value *peek(const struct machine *m, size_t below, enum kind kind) {
    for (size_t i = 0; i <= below; i++)
        if (i >= m->depth || m->stack[m->depth - 1 - i].kind == MARK) return NULL;
    struct value *value = &m->stack[m->depth - 1 - below];
    return value->kind == kind ? value : NULL;
}

/* How many values lie above the last mark, or in all. Marks know the one before them, so that
 * nothing is searched for: the work is linear in the bytes. */
static size_t count_marked(const struct machine *m) {
    return m->depth - m->mark;
}

static pst_status push_mark(struct machine *m) {
    push(m, (struct value){.kind = MARK, .as.mark = m->mark});
    m->mark = m->depth;
    return PST_OK;
}

/* Forgets the last mark, which there is. */
static void drop_mark(struct machine *m) {
    m->mark = m->stack[m->mark - 1].as.mark;
}

/* -------------------------------------------------------------------------------- instructions */

static pst_status push_integer(struct machine *m, size_t width) {
    const unsigned char *bytes = take(m, width);
    if (!bytes) return damaged(m, "the pickle ends inside a number");
    uint64_t bits = 0;
    for (size_t i = width; i > 0; i--) bits = bits << 8 | bytes[i - 1];
    /* Four bytes and LONG1's are signed, one and two are not. */
    int negative = width > 2 && (bytes[width - 1] & 0x80);
    if (negative && width < 8) bits |= UINT64_MAX << (8 * width);
    return push(m, (struct value){.kind = INTEGER, .as.number = (int64_t)bits});
}

static pst_status push_long(struct machine *m) {
    const unsigned char *width = take(m, 1);
    if (!width) return damaged(m, "the pickle ends inside a number");
    if (*width > 8) return damaged(m, "a number of more than 64 bits");
    const unsigned char *bytes = take(m, *width);
    if (!bytes) return damaged(m, "the pickle ends inside a number");
    uint64_t bits = *width && (bytes[*width - 1] & 0x80) ? UINT64_MAX : 0;
    for (size_t i = *width; i > 0; i--) bits = bits << 8 | bytes[i - 1];
    return push(m, (struct value){.kind = INTEGER, .as.number = (int64_t)bits});
}

static pst_status push_text(struct machine *m) {
    const unsigned char *head = take(m, 4);
    if (!head) return damaged(m, "the pickle ends inside a text");
    uint32_t length = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
                      (uint32_t)head[3] << 24;
    const unsigned char *text = take(m, length);
    if (!text) return damaged(m, "the pickle ends inside a text");
    if (utf8_valid_length((const char *)text, length) != length || memchr(text, '\0', length))
        return damaged(m, "a text is not UTF-8, or has a NUL");
    return push(m, (struct value){.kind = TEXT, .count = length, .as.text = (const char *)text});
}

/* Reads up to a newline; NULL at the end of the program. */
static const char *take_line(struct machine *m, size_t *length) {
    const unsigned char *begin = m->bytes + m->at;
    const unsigned char *end = m->at < m->size ? memchr(begin, '\n', m->size - m->at) : NULL;
    if (!end) return NULL;
    *length = (size_t)(end - begin);
    m->at += *length + 1;
    return (const char *)begin;
}

static int is_text(const char *text, size_t length, const char *expected) {
    return strlen(expected) == length && memcmp(text, expected, length) == 0;
}

static pst_status push_global(struct machine *m) {
    size_t module_length, name_length;
    const char *module = take_line(m, &module_length);
    const char *name = module ? take_line(m, &name_length) : NULL;
    if (!name) return damaged(m, "the pickle ends inside a name");
    for (size_t i = 0; i < sizeof GLOBALS / sizeof *GLOBALS; i++)
        if (is_text(module, module_length, GLOBALS[i].module) &&
            is_text(name, name_length, GLOBALS[i].name))
            return push(m, (struct value){.kind = GLOBAL, .as.global = i});
    if (utf8_valid_length(module, module_length) != module_length ||
        utf8_valid_length(name, name_length) != name_length)
        return damaged(m, "a name that is not UTF-8");
    return error_set(m->err, PST_ERR_UNSUPPORTED,
                     "%s: data.pkl: byte %zu: asks for %.*s.%.*s, which no dict of tensors needs: "
                     "refused",
                     m->path, m->instruction, utf8_cut(module, module_length, TEXT_SHOWN), module,
                     utf8_cut(name, name_length, TEXT_SHOWN), name);
}

/* Makes a tuple of the topmost `count` values, which lie above the last mark. */
static pst_status push_tuple(struct machine *m, size_t count) {
    struct value tuple = {.kind = TUPLE, .count = (uint32_t)count, .as.first = m->member_count};
    for (size_t i = 0; i < count; i++)
        m->members[m->member_count++] = m->stack[m->depth - count + i];
    m->depth -= count;
    return push(m, tuple);
}

static pst_status push_short_tuple(struct machine *m, size_t count) {
    if (count_marked(m) < count) return damaged(m, "a tuple of more values than there are");
    return push_tuple(m, count);
}

static pst_status push_marked_tuple(struct machine *m) {
    size_t count = count_marked(m);
    if (!m->mark) return damaged(m, "a tuple without a beginning");
    drop_mark(m);
    for (size_t i = m->depth - count; i < m->depth; i++) m->stack[i - 1] = m->stack[i];
    m->depth--; /* the mark is gone from below */
    return push_tuple(m, count);
}

static pst_status push_dict(struct machine *m) {
    return push(m, (struct value){.kind = DICT, .as.dict = m->dict_count++});
}

/* Moves the topmost `count` values, keys and values in turn, into the dict that is below them
 * and `between`. */
static pst_status set_items(struct machine *m, size_t count, size_t between) {
    if (count % 2 != 0) return damaged(m, "a key without a value");
    if (m->depth < count + between + 1 || m->stack[m->depth - count - between - 1].kind != DICT)
        return damaged(m, "items that are put into something else than a dict");
    const struct value *dict = &m->stack[m->depth - count - between - 1];
    const struct value *items = &m->stack[m->depth - count];
    for (size_t i = 0; i < count; i += 2)
        m->pairs[m->pair_count++] = (struct pair){dict->as.dict, items[i], items[i + 1]};
    m->depth -= count + between;
    return PST_OK;
}

static pst_status set_item(struct machine *m) {
    if (count_marked(m) < 3) return damaged(m, "an item without key, value or dict");
    return set_items(m, 2, 0);
}

static pst_status set_marked_items(struct machine *m) {
    size_t count = count_marked(m);
    if (!m->mark) return damaged(m, "items without a beginning");
    drop_mark(m);
    return set_items(m, count, 1);
}

/* An OrderedDict has "_metadata", the versions of its modules, which do not change values. */
static pst_status drop_state(struct machine *m) {
    if (!peek(m, 1, DICT)) return damaged(m, "a state that is given to something else than a dict");
    m->depth--;
    return PST_OK;
}

static pst_status call(struct machine *m) {
    const struct value *arguments = peek(m, 0, TUPLE), *global = peek(m, 1, GLOBAL);
    if (!arguments || !global)
        return damaged(m, "calls something that is not a known name, or without arguments");
    enum role role = GLOBALS[global->as.global].role;
    struct value made = *arguments;
    m->depth -= 2;
    if (role == MAKE_DICT && made.count == 0) return push_dict(m);
    if (role == MAKE_TENSOR) {
        made.kind = TENSOR;
        return push(m, made);
    }
    if (role == MAKE_PARAMETER && made.count > 0 && m->members[made.as.first].kind == TENSOR)
        return push(m, m->members[made.as.first]);
    return damaged(m, "a call with arguments that torch.save() does not write");
}

/* ("storage", type, name of the entry, device, number of elements) */
static pst_status push_storage(struct machine *m) {
    static const char kind[] = "storage";
    const struct value *tuple = peek(m, 0, TUPLE);
    const struct value *member = tuple ? &m->members[tuple->as.first] : NULL;
    if (!tuple || tuple->count != 5 || member[0].kind != TEXT ||
        !is_text(member[0].as.text, member[0].count, kind) || member[1].kind != GLOBAL ||
        GLOBALS[member[1].as.global].role != STORAGE_TYPE || member[2].kind != TEXT ||
        member[2].count > STORAGE_NAME_MAX || member[3].kind != TEXT || member[4].kind != INTEGER ||
        member[4].as.number < 0)
        return damaged(m, "a reference to something else than a tensor's storage");
    m->stack[m->depth - 1].kind = STORAGE;
    return PST_OK;
}

/* A number of the memo, in `width` bytes. */
static pst_status take_memo_number(struct machine *m, size_t width, size_t *number) {
    const unsigned char *bytes = take(m, width);
    if (!bytes) return damaged(m, "the pickle ends inside a number");
    *number = 0;
    for (size_t i = width; i > 0; i--) *number = *number << 8 | bytes[i - 1];
    return PST_OK;
}

static pst_status remember(struct machine *m, size_t width) {
    size_t number = 0;
    pst_status status = take_memo_number(m, width, &number);
    if (status) return status;
    if (number >= m->size) return damaged(m, "a memo number larger than the pickle");
    if (m->depth == 0 || m->stack[m->depth - 1].kind == MARK)
        return damaged(m, "nothing to remember");
    m->memo[number] = m->stack[m->depth - 1];
    return PST_OK;
}

static pst_status recall(struct machine *m, size_t width) {
    size_t number = 0;
    pst_status status = take_memo_number(m, width, &number);
    if (status) return status;
    if (number >= m->size || m->memo[number].kind == UNSET)
        return damaged(m, "a memo number that was never given");
    return push(m, m->memo[number]);
}

static pst_status check_protocol(struct machine *m) {
    const unsigned char *version = take(m, 1);
    if (!version) return damaged(m, "the pickle ends inside its first instruction");
    if (*version == PROTOCOL) return PST_OK;
    return error_set(m->err, PST_ERR_UNSUPPORTED,
                     "%s: data.pkl: is a pickle of protocol %d, expected %d, which torch.save() "
                     "writes",
                     m->path, *version, PROTOCOL);
}

static pst_status execute(struct machine *m, unsigned char code) {
    switch (code) {
    case 0x80: return check_protocol(m);
    case '(': return push_mark(m);
    case 'N': return push(m, (struct value){.kind = NONE});
    case 0x88: return push(m, (struct value){.kind = BOOL, .as.number = 1});
    case 0x89: return push(m, (struct value){.kind = BOOL, .as.number = 0});
    case 'K': return push_integer(m, 1);
    case 'M': return push_integer(m, 2);
    case 'J': return push_integer(m, 4);
    case 0x8a: return push_long(m);
    case 'X': return push_text(m);
    case 'c': return push_global(m);
    case ')': return push_tuple(m, 0);
    case 't': return push_marked_tuple(m);
    case 0x85: return push_short_tuple(m, 1);
    case 0x86: return push_short_tuple(m, 2);
    case 0x87: return push_short_tuple(m, 3);
    case '}': return push_dict(m);
    case 's': return set_item(m);
    case 'u': return set_marked_items(m);
    case 'b': return drop_state(m);
    case 'R': return call(m);
    case 'Q': return push_storage(m);
    case 'q': return remember(m, 1);
    case 'r': return remember(m, 4);
    case 'h': return recall(m, 1);
    case 'j': return recall(m, 4);
    default: return refuse_instruction(m, code);
    }
}

/* Runs up to the stop instruction, which must be the last byte and leave one dict. */
static pst_status run(struct machine *m) {
    pst_status status = PST_OK;
    while (!status) {
        m->instruction = m->at;
        const unsigned char *code = take(m, 1);
        if (!code) return damaged(m, "the pickle ends without a stop (cut short?)");
        if (*code == '.') break;
        status = execute(m, *code);
    }
    if (status) return status;
    if (m->depth != 1 || m->stack[0].kind != DICT)
        return damaged(m, "the pickle is not a dict, expected one from name to tensor");
    return m->at == m->size ? PST_OK : damaged(m, "bytes follow the stop");
}

/* -------------------------------------------------------------------------------------- result */

/* Reads a tuple of whole numbers that are not negative. */
static int read_sizes(const struct machine *m, const struct value *tuple,
                      size_t sizes[TENSOR_DIMS_MAX]) {
    if (tuple->kind != TUPLE || tuple->count > TENSOR_DIMS_MAX) return 0;
    for (uint32_t i = 0; i < tuple->count; i++) {
        const struct value *size = &m->members[tuple->as.first + i];
        if (size->kind != INTEGER || size->as.number < 0) return 0;
        sizes[i] = (size_t)size->as.number;
    }
    return 1;
}

/* Arguments of a tensor: storage, offset, shape, strides, needs gradient, hooks [, metadata]. */
static int read_tensor(const struct machine *m, const struct value *value,
                       struct pickle_tensor *tensor) {
    const struct value *argument = &m->members[value->as.first];
    if (value->count < 6 || argument[0].kind != STORAGE || argument[1].kind != INTEGER ||
        argument[1].as.number < 0 || argument[2].count != argument[3].count ||
        !read_sizes(m, &argument[2], tensor->shape) ||
        !read_sizes(m, &argument[3], tensor->strides))
        return 0;
    const struct value *storage = &m->members[argument[0].as.first];
    tensor->dtype = GLOBALS[storage[1].as.global].dtype;
    tensor->storage = storage[2].as.text;
    tensor->storage_bytes = storage[2].count;
    tensor->storage_count = (size_t)storage[4].as.number;
    tensor->offset = (size_t)argument[1].as.number;
    tensor->dims = argument[2].count;
    return 1;
}

static const char *kind_name(enum kind kind) {
    static const char *const names[] = {"nothing",  "a mark",    "None",    "True or False",
                                        "a number", "a text",    "a tuple", "a dict",
                                        "a name",   "a storage", "a tensor"};
    return names[kind];
}

static pst_status read_pair(const struct machine *m, const struct pair *pair,
                            struct pickle_tensor *tensor) {
    if (pair->key.kind != TEXT)
        return error_set(m->err, PST_ERR_MODEL, "%s: data.pkl: a key is %s, expected a text",
                         m->path, kind_name(pair->key.kind));
    tensor->name = pair->key.as.text;
    tensor->name_bytes = pair->key.count;
    int shown = utf8_cut(tensor->name, tensor->name_bytes, TEXT_SHOWN);
    if (pair->value.kind != TENSOR)
        return error_set(m->err, PST_ERR_MODEL, "%s: data.pkl: %.*s is %s, expected a tensor",
                         m->path, shown, tensor->name, kind_name(pair->value.kind));
    if (!read_tensor(m, &pair->value, tensor))
        return error_set(m->err, PST_ERR_MODEL,
                         "%s: data.pkl: %.*s is described in a way that torch.save() does not use, "
                         "or has more than %d dimensions",
                         m->path, shown, tensor->name, TENSOR_DIMS_MAX);
    return PST_OK;
}

static pst_status collect(const struct machine *m, struct pickle *pickle) {
    size_t count = 0, dict = m->stack[0].as.dict;
    for (size_t i = 0; i < m->pair_count; i++) count += m->pairs[i].dict == dict;
    if (count > TENSORS_MAX)
        return error_set(m->err, PST_ERR_MODEL,
                         "%s: data.pkl: has %zu tensors, expected at most %d", m->path, count,
                         TENSORS_MAX);
    pickle->tensors = calloc(count + 1, sizeof *pickle->tensors);
    if (!pickle->tensors) return error_memory(m->err, count * sizeof *pickle->tensors);
    size_t name_bytes = 0;
    for (size_t i = 0; i < m->pair_count; i++) {
        if (m->pairs[i].dict != dict) continue;
        struct pickle_tensor *tensor = &pickle->tensors[pickle->count++];
        pst_status status = read_pair(m, &m->pairs[i], tensor);
        if (status) return status;
        /* Different names stand in different bytes. One recalled again and again would become
         * gigabytes. */
        name_bytes += tensor->name_bytes;
        if (name_bytes > m->size)
            return error_set(m->err, PST_ERR_MODEL,
                             "%s: data.pkl: names tensors with more than the %zu bytes it has: "
                             "some are there twice",
                             m->path, m->size);
    }
    return PST_OK;
}

pst_status pickle_read(struct pickle *pickle, const unsigned char *bytes, size_t size,
                       const char *path, pst_error *err) {
    *pickle = (struct pickle){0};
    if (size > PICKLE_BYTES_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: data.pkl is %zu bytes, expected at most %d", path,
                         size, PICKLE_BYTES_MAX);
    struct machine m = {.bytes = bytes, .size = size, .path = path, .err = err};
    m.stack = calloc(size + 1, sizeof *m.stack);
    m.memo = calloc(size + 1, sizeof *m.memo);
    m.members = calloc(size + 1, sizeof *m.members);
    m.pairs = calloc(size + 1, sizeof *m.pairs);
    pst_status status = PST_OK;
    if (!m.stack || !m.memo || !m.members || !m.pairs) status = error_memory(err, 0);
    if (!status) status = run(&m);
    if (!status) status = collect(&m, pickle);
    free(m.stack);
    free(m.memo);
    free(m.members);
    free(m.pairs);
    if (status) pickle_free(pickle);
    return status;
}

void pickle_free(struct pickle *pickle) {
    free(pickle->tensors);
    *pickle = (struct pickle){0};
}
