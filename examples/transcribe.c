/* transcribe.c - the library in one page: a model, an adapter, a clip, its text.
 *
 * With potstill installed:
 *
 *     cc -std=c11 transcribe.c $(pkg-config --cflags --libs potstill) -o transcribe
 *     ./transcribe models/moonshine-tiny tower/adapter tower/clips/01.flac
 *
 * Every call fills the same `err`, so a chain of || stops at the first that fails; what was opened
 * so far is freed on the way out, because _free takes NULL. */
#include <potstill.h>
#include <stdio.h>

int main(int argc, char **argv) {
    pst_error err;
    pst_model *model = NULL;
    pst_adapter *adapter = NULL;
    pst_session *session = NULL;
    pst_audio audio = {0};
    pst_transcript *transcript = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: transcribe MODEL_DIR ADAPTER_DIR AUDIO_FILE\n");
        return 2;
    }
    int failed = pst_model_open(argv[1], NULL, &model, &err) ||
                 pst_adapter_open(model, argv[2], NULL, &adapter, &err) ||
                 pst_session_new(model, NULL, &session, &err) ||
                 pst_session_use_adapter(session, adapter, &err) ||
                 pst_audio_read(argv[3], &audio, &err) ||
                 pst_transcribe(session, audio.samples, audio.count, NULL, &transcript, &err);
    if (failed)
        fprintf(stderr, "transcribe: %s\n", err.message);
    else
        printf("%s\n", transcript->text);

    pst_transcript_free(transcript);
    pst_audio_free(&audio);
    pst_session_free(session);
    pst_adapter_free(adapter);
    pst_model_free(model);
    return failed ? 1 : 0;
}
