/* family.c - see family.h. */
#include "model/family.h"

#include <string.h>

#include "model/streaming.h"

static const struct {
    const char *name, *class_name;
    struct clip_extent (*extent)(size_t samples);
    size_t samples_min, frame_samples;
} FAMILIES[] = {
    [FAMILY_MOONSHINE] = {"moonshine", "MoonshineForConditionalGeneration", clip_extent_of,
                          CLIP_SAMPLES_MIN, STEM_SAMPLES_PER_FRAME},
    [FAMILY_STREAMING] = {"moonshine_streaming", "MoonshineStreamingForConditionalGeneration",
                          stream_extent_of, STREAM_SAMPLES_MIN, STREAM_SAMPLES_PER_FRAME},
};
_Static_assert(sizeof FAMILIES / sizeof *FAMILIES == FAMILY_COUNT, "a family has no row");

const char *family_name(enum family family) {
    return FAMILIES[family].name;
}

const char *family_class(enum family family) {
    return FAMILIES[family].class_name;
}

int family_find(const char *name, enum family *family) {
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (strcmp(name, FAMILIES[i].name) == 0) {
            *family = (enum family)i;
            return 1;
        }
    return 0;
}

struct clip_extent family_extent(enum family family, size_t samples) {
    return FAMILIES[family].extent(samples);
}

struct clip_extent family_extent_of(const struct config *config, size_t samples) {
    return family_extent(config->family, samples);
}

size_t family_samples_min(const struct config *config) {
    return FAMILIES[config->family].samples_min;
}

size_t family_frame_samples(const struct config *config) {
    return FAMILIES[config->family].frame_samples;
}
