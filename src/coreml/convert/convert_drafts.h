/* convert_drafts.h - texts that are likely to be said, which a folder of packages brings along. */
#ifndef PST_COREML_CONVERT_CONVERT_DRAFTS_H
#define PST_COREML_CONVERT_CONVERT_DRAFTS_H

#include "coreml/convert/convert_plan.h"

/* Tokens of all drafts: each step looks through them. */
enum { CONVERT_DRAFT_TOKENS_MAX = 1 << 16 };

/* Reads the lines of options->drafts_file, if any, as tokens: conversion->drafts. */
pst_status convert_read_drafts(struct conversion *conversion, pst_error *err);

#endif
