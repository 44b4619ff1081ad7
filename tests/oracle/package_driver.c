/* package_driver.c - writes the sample programs, and copies packages through memory, for the
 * judgement of coremltools.
 *
 *     package_driver write NAME OUT.mlpackage
 *     package_driver copy IN.mlpackage OUT.mlpackage */
#include <stdio.h>
#include <string.h>

#include "coreml/package/package.h"
#include "support/package_sample.h"

int main(int count, char **arguments) {
    pst_error err = {0};
    struct mil_model *model = NULL;
    if (count == 4 && strcmp(arguments[1], "write") == 0)
        model = sample_named(arguments[2]);
    else if (count == 4 && strcmp(arguments[1], "copy") == 0)
        package_read(arguments[2], &model, &err);
    if (model != NULL && !package_write(model, arguments[3], 1, NULL, &err)) {
        mil_model_free(model);
        return 0;
    }
    mil_model_free(model);
    fprintf(stderr, "package_driver: %s\n", err.message);
    return 1;
}
