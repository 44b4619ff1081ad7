/* english_figures.h - numbers and money of an English text, written in figures. */
#ifndef PST_EVALUATE_ENGLISH_FIGURES_H
#define PST_EVALUATE_ENGLISH_FIGURES_H

#include "base/buffer.h"

/* `text` in lower case, without symbols but for those of numbers and money, becomes one whose words
 * have one space between them, and whose numbers are figures (number_words.h): "two and a half" is
 * 2.5, "$2 and 7 cents" is $2.07, a lone 1 is "one". `scratch` is empty, before and after. */
void english_figures(struct buffer *text, struct buffer *scratch);

#endif
