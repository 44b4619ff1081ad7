/* test_microphone.c - the microphone, with a PortAudio of this test's own in place of the system's:
 * its inputs, what they can, what they hear and when they fail. */
#include "support/test.h"

#ifdef POTSTILL_PORTAUDIO
#include <math.h>
#include <portaudio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "potstill.h"

#define MODEL TEST_SOURCE_DIR "/tests/golden/micro_streaming"

static pst_error err;

/* ----------------------------------------------------------------------- a PortAudio of our own */

static const PaDeviceInfo DEVICES[] = {
    {.name = "Loudspeaker", .maxOutputChannels = 2, .defaultSampleRate = 48000},
    {.name = "Built-in", .maxInputChannels = 2, .defaultSampleRate = 44100},
    {.name = "USB headset", .maxInputChannels = 1, .defaultSampleRate = 48000},
};
enum { DEVICE_COUNT = sizeof DEVICES / sizeof *DEVICES, NOWHERE = -1 };

static struct fake {
    /* How it behaves. */
    int only_rate_hz, only_channels; /* of any input; 0: all that is asked for */
    int broken;                      /* PortAudio cannot be reached */
    long vanishes, overflows;        /* at this call of Pa_ReadStream(); NOWHERE: never */
    const float *sound;              /* [count, channels] */
    size_t count;
    pst_source *stop; /* when the sound is over; NULL: silence follows */
    /* What it was asked for. */
    int begun, open, started, rate_hz, channels;
    PaDeviceIndex device;
    long reads;
    size_t at;
} fake;

static void reset(void) {
    fake = (struct fake){.vanishes = NOWHERE, .overflows = NOWHERE};
}

PaError Pa_Initialize(void) {
    fake.begun += !fake.broken;
    return fake.broken ? paInternalError : paNoError;
}

PaError Pa_Terminate(void) {
    fake.begun--;
    return paNoError;
}

const char *Pa_GetErrorText(PaError error) {
    return error == paUnanticipatedHostError ? "Unanticipated host error"
           : error == paInvalidSampleRate    ? "Invalid sample rate"
                                             : "Another error";
}

const PaHostErrorInfo *Pa_GetLastHostErrorInfo(void) {
    static const PaHostErrorInfo info = {.errorText = "no such device"};
    return &info;
}

PaDeviceIndex Pa_GetDeviceCount(void) {
    return fake.only_channels == NOWHERE ? 1 : DEVICE_COUNT;
}

PaDeviceIndex Pa_GetDefaultInputDevice(void) {
    return fake.only_channels == NOWHERE ? paNoDevice : 1;
}

const PaDeviceInfo *Pa_GetDeviceInfo(PaDeviceIndex device) {
    return &DEVICES[device];
}

PaError Pa_OpenStream(PaStream **stream, const PaStreamParameters *input,
                      const PaStreamParameters *output, double rate_hz, unsigned long frames,
                      PaStreamFlags flags, PaStreamCallback *callback, void *user) {
    assert_true(fake.begun && !fake.open && !output && !callback && !user);
    assert_int_equal(flags, paNoFlag);
    assert_int_equal(input->sampleFormat, paFloat32);
    assert_int_equal(frames, (unsigned long)rate_hz / 50);
    if (fake.only_channels && input->channelCount != fake.only_channels)
        return paInvalidChannelCount;
    if (fake.only_rate_hz && (int)rate_hz != fake.only_rate_hz) return paInvalidSampleRate;
    fake.open = 1;
    fake.device = input->device;
    fake.rate_hz = (int)rate_hz;
    fake.channels = input->channelCount;
    *stream = &fake;
    return paNoError;
}

PaError Pa_StartStream(PaStream *stream) {
    assert_ptr_equal(stream, &fake);
    fake.started = 1;
    return paNoError;
}

PaError Pa_AbortStream(PaStream *stream) {
    assert_ptr_equal(stream, &fake);
    fake.started = 0;
    return paNoError;
}

PaError Pa_CloseStream(PaStream *stream) {
    assert_ptr_equal(stream, &fake);
    fake.open = 0;
    return paNoError;
}

PaError Pa_ReadStream(PaStream *stream, void *buffer, unsigned long frames) {
    assert_ptr_equal(stream, &fake);
    assert_true(fake.open && fake.started);
    long call = fake.reads++;
    if (fake.vanishes != NOWHERE && call >= fake.vanishes) return paUnanticipatedHostError;
    float *out = buffer;
    for (unsigned long i = 0; i < frames; i++, fake.at++)
        for (int c = 0; c < fake.channels; c++)
            *out++ =
                fake.at < fake.count ? fake.sound[fake.at * (size_t)fake.channels + (size_t)c] : 0;
    if (fake.at >= fake.count && fake.stop) pst_source_stop(fake.stop);
    return call == fake.overflows ? paInputOverflowed : paNoError;
}

/* -------------------------------------------------------------------------------------- helpers */

static pst_source *open_microphone(const char *device) {
    pst_source *source = NULL;
    if (pst_source_open_microphone(device, &source, &err)) fail_msg("%s", err.message);
    return source;
}

/* All that the microphone hears of `sound` [count, channels]; `*heard` is the number of samples. */
static float *listen(pst_source *source, const float *sound, size_t count, size_t *heard) {
    size_t capacity = count + PST_SAMPLE_RATE_HZ;
    float *samples = malloc(capacity * sizeof *samples);
    assert_non_null(samples);
    fake.sound = sound;
    fake.count = count;
    fake.stop = source;
    *heard = 0;
    for (size_t got = 1; got; *heard += got) {
        assert_true(*heard < capacity);
        size_t room = capacity - *heard < 777 ? capacity - *heard : 777; /* no part of a piece */
        if (pst_source_read(source, samples + *heard, room, &got, &err))
            fail_msg("%s", err.message);
    }
    return samples;
}

static void close_microphone(pst_source *source) {
    pst_source_free(source);
    assert_int_equal(fake.begun, 0);
    assert_int_equal(fake.open, 0);
    assert_int_equal(fake.started, 0);
}

static void refuse(const char *device, const char *message) {
    pst_source *source = NULL;
    assert_int_equal(pst_source_open_microphone(device, &source, &err), PST_ERR_DEVICE);
    if (strcmp(err.message, message) != 0) fail_msg("%s", err.message);
    assert_null(source);
    assert_int_equal(fake.begun, 0);
    assert_int_equal(fake.open, 0);
}

/* A tone and what is over it, of `rate` samples a second. */
static void make_sound(float *sound, size_t count, int channels, double rate) {
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < channels; c++)
            sound[i * (size_t)channels + (size_t)c] =
                (float)(0.3 * sin((double)i / rate * 2000) * (c ? 0.25 : 1) +
                        0.1 * sin((double)i / rate * 9000 + c));
}

/* ------------------------------------------------------------------------------------ the tests */

static void sound_arrives_in_order(void **state) {
    (void)state;
    static float sound[10 * 320];
    size_t heard;
    reset();
    make_sound(sound, 10 * 320, 1, PST_SAMPLE_RATE_HZ);
    pst_source *source = open_microphone(NULL);
    assert_int_equal(fake.device, 1);
    assert_int_equal(fake.rate_hz, PST_SAMPLE_RATE_HZ);
    assert_int_equal(fake.channels, 1);
    float *samples = listen(source, sound, 10 * 320, &heard);
    assert_int_equal(heard, 10 * 320);
    assert_memory_equal(samples, sound, sizeof sound);
    assert_true(pst_source_lost(source) == 0);
    free(samples);
    close_microphone(source);
}

static void what_was_lost_is_counted(void **state) {
    (void)state;
    static float sound[10 * 320];
    size_t heard;
    reset();
    make_sound(sound, 10 * 320, 1, PST_SAMPLE_RATE_HZ);
    fake.overflows = 3;
    pst_source *source = open_microphone(NULL);
    float *samples = listen(source, sound, 10 * 320, &heard);
    assert_memory_equal(samples, sound, sizeof sound); /* what comes with the flag is sound */
    assert_true(fabs(pst_source_lost(source) - 0.02) < 1e-9);
    free(samples);
    close_microphone(source);
}

static void inputs_have_names(void **state) {
    (void)state;
    reset();
    pst_source *source = open_microphone("head");
    assert_int_equal(fake.device, 2);
    close_microphone(source);
    source = open_microphone("Built");
    assert_int_equal(fake.device, 1);
    close_microphone(source);
    refuse("Webcam", "no microphone has \"Webcam\" in its name (inputs: \"Built-in\", \"USB "
                     "headset\")");
    refuse("Loud", "no microphone has \"Loud\" in its name (inputs: \"Built-in\", \"USB "
                   "headset\")");
    fake.only_channels = NOWHERE; /* the loudspeaker alone */
    refuse(NULL, "there is no microphone (inputs: none)");
    refuse("USB", "no microphone has \"USB\" in its name (inputs: none)");
    reset();
    fake.broken = 1;
    refuse(NULL, "the microphone cannot be reached: Another error");
    assert_int_equal(pst_source_open_microphone(NULL, NULL, &err), PST_ERR_ARGUMENT);
}

static void one_that_vanishes_ends_in_an_error(void **state) {
    (void)state;
    float samples[1000];
    size_t got;
    reset();
    fake.vanishes = 2;
    pst_source *source = open_microphone("USB");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pst_source_read(source, samples, 1000, &got, &err), PST_OK);
        assert_int_equal(got, 320);
    }
    for (int i = 0; i < 2; i++) { /* and stays so */
        assert_int_equal(pst_source_read(source, samples, 1000, &got, &err), PST_ERR_DEVICE);
        assert_string_equal(err.message, "the microphone cannot be read: Unanticipated host error: "
                                         "no such device");
        assert_int_equal(got, 0);
    }
    close_microphone(source);
}

/* A second of the device's own sound is a second of ours, the same tone. */
static void other_rates_are_resampled(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int rate_hz, channels;
    } cases[] = {{"USB", 48000, 1}, {"Built", 44100, 1}, {"Built", 44100, 2}, {"Built", 16000, 2}};
    static float sound[2 * 48000], expected[PST_SAMPLE_RATE_HZ];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rate = cases[i].rate_hz, channels = cases[i].channels;
        size_t heard;
        reset();
        fake.only_rate_hz = rate;
        fake.only_channels = channels;
        make_sound(sound, (size_t)rate, channels, rate);
        pst_source *source = open_microphone(cases[i].name);
        assert_int_equal(fake.rate_hz, rate);
        assert_int_equal(fake.channels, channels);
        float *samples = listen(source, sound, (size_t)rate, &heard);
        assert_int_equal(heard, PST_SAMPLE_RATE_HZ);
        for (int c = 0; c < channels; c++)
            for (size_t j = 0; j < heard; j++) {
                double t = (double)j / PST_SAMPLE_RATE_HZ;
                double one = 0.3 * sin(t * 2000) * (c ? 0.25 : 1) + 0.1 * sin(t * 9000 + c);
                expected[j] = (float)((c ? expected[j] : 0) + one / channels);
            }
        /* The filter rings at the ends, where the tone is cut off. */
        for (size_t j = 400; j < heard - 400; j++)
            if (fabsf(samples[j] - expected[j]) > 1e-3f)
                fail_msg("case %zu: sample %zu is %g, expected %g", i, j, samples[j], expected[j]);
        free(samples);
        close_microphone(source);
    }
    reset();
    fake.only_rate_hz = 8000; /* not even its own */
    refuse("USB", "the microphone cannot be opened: Invalid sample rate");
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    float sound[640] = {0}, samples[640];
    size_t got;
    reset();
    sound[400] = NAN;
    fake.sound = sound;
    fake.count = 640;
    pst_source *source = open_microphone(NULL);
    assert_int_equal(pst_source_read(source, samples, 640, &got, &err), PST_OK);
    assert_int_equal(pst_source_read(source, samples, 640, &got, &err), PST_ERR_INPUT);
    assert_non_null(strstr(err.message, "the microphone"));
    close_microphone(source);
}

/* -------------------------------------------------------------------- the text of what it hears */

/* All texts of completed lines, with '|' behind each. */
static void add_lines(pst_stream *stream, char *text, size_t size) {
    const pst_stream_event *event;
    while ((event = pst_stream_next_event(stream))) {
        if (event->kind != PST_LINE_COMPLETED) continue;
        assert_true(strlen(text) + strlen(event->text) + 2 < size);
        strcat(strcat(text, event->text), "|");
    }
}

static void text_of(const pst_model *model, pst_source *source, const float *sound, size_t count,
                    char *text, size_t size) {
    pst_stream *stream;
    float piece[500];
    *text = 0;
    if (pst_stream_new(model, NULL, &stream, &err)) fail_msg("%s", err.message);
    for (size_t at = 0, got = 1; source ? got : at < count; at += got) {
        got = count - at < 500 ? count - at : 500;
        if (source && pst_source_read(source, piece, 500, &got, &err)) fail_msg("%s", err.message);
        if (pst_stream_feed(stream, source ? piece : sound + at, got, &err))
            fail_msg("%s", err.message);
        add_lines(stream, text, size);
    }
    if (pst_stream_finish(stream, &err)) fail_msg("%s", err.message);
    add_lines(stream, text, size);
    pst_stream_free(stream);
}

static void a_clip_that_it_hears_has_the_clips_text(void **state) {
    (void)state;
    enum { COUNT = 4 * PST_SAMPLE_RATE_HZ };
    static float sound[COUNT];
    static char heard[4096], expected[4096];
    pst_model *model;
    double phase = 0;
    for (size_t i = 0; i < COUNT; i++) { /* a voice from the first second to the third */
        double t = (double)i / PST_SAMPLE_RATE_HZ, voice = 0;
        phase += 6.283185307 * (140 + 30 * sin(t * 3)) / PST_SAMPLE_RATE_HZ;
        for (int h = 1; h < 20; h++) voice += sin(h * phase) / h;
        sound[i] = t > 1 && t < 3 ? (float)(0.15 * (0.6 + 0.4 * sin(t * 25)) * voice) : 0;
    }
    if (pst_model_open(MODEL, NULL, &model, &err)) fail_msg("%s", err.message);
    text_of(model, NULL, sound, COUNT, expected, sizeof expected);
    assert_true(strlen(expected) > 1);
    reset();
    pst_source *source = open_microphone(NULL);
    fake.sound = sound;
    fake.count = COUNT;
    fake.stop = source;
    text_of(model, source, NULL, SIZE_MAX, heard, sizeof heard);
    assert_string_equal(heard, expected);
    close_microphone(source);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_arrives_in_order),
        cmocka_unit_test(what_was_lost_is_counted),
        cmocka_unit_test(inputs_have_names),
        cmocka_unit_test(one_that_vanishes_ends_in_an_error),
        cmocka_unit_test(other_rates_are_resampled),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_clip_that_it_hears_has_the_clips_text),
    };
    return cmocka_run_group_tests_name("microphone", tests, NULL, NULL);
}

#else

#include <stdio.h>

int main(void) {
    puts("skipped: built without PortAudio");
    return 77;
}

#endif
