/* trace_file.c - see trace_file.h. The format is a list of complete events ("X"), times in
 * microseconds, a row a thread. Names are constants of the library and need no escapes. */
#include "trace_file.h"

#include "output.h"

int trace_file_write(const char *path, const pst_span *spans, size_t count) {
    struct output output;
    int code = output_open(&output, path);
    if (code) return code;
    uint64_t first = count ? spans[0].start_ns : 0;
    for (size_t i = 0; i < count; i++)
        if (spans[i].start_ns < first) first = spans[i].start_ns;
    fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n", output.stream);
    for (size_t i = 0; i < count; i++)
        fprintf(output.stream,
                "{\"name\": \"%s\", \"cat\": \"%s\", \"ph\": \"X\", \"pid\": 1, \"tid\": %u, "
                "\"ts\": %.3f, \"dur\": %.3f}%s\n",
                spans[i].name, pst_stage_name(spans[i].stage), spans[i].thread,
                (double)(spans[i].start_ns - first) * 1e-3,
                (double)(spans[i].end_ns - spans[i].start_ns) * 1e-3, i + 1 < count ? "," : "");
    fputs("]}\n", output.stream);
    code = output_flush(&output);
    int closed = output_close(&output, !code);
    return code ? code : closed;
}
