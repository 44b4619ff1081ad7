/* subtitle_choice.c - see subtitle_choice.h. */
#include "transcribe/subtitle_choice.h"

#define AT(field) offsetof(struct subtitle_choice, field)
const struct option subtitle_layout_options[] = {
    {"max-line-width", 0, OPTION_COUNT, "N", AT(width),
     "characters of a line of subtitles; 0: a cue for each segment, as long as it is (default: "
     "42)"},
    {"max-line-count", 0, OPTION_COUNT, "N", AT(lines), "lines of a cue (default: 2)"},
    {"max-cps", 0, OPTION_NUMBER, "X", AT(speed),
     "characters a second that can be read (default: 20)"},
    {0},
};

int subtitle_choice_check(const struct command *command, const struct subtitle_choice *choice) {
    if (choice->lines >= 1 && choice->speed > 0) return 0;
    return usage_error(command, "--max-line-count and --max-cps: expected more than 0");
}

struct subtitle_style subtitle_choice_style(const struct subtitle_choice *choice) {
    return (struct subtitle_style){
        .width = (size_t)choice->width, .lines = (size_t)choice->lines, .speed = choice->speed};
}
