/* check_interface.h - what apps see, the description, against what the functions take and give. */
#ifndef PST_COREML_CHECK_CHECK_INTERFACE_H
#define PST_COREML_CHECK_CHECK_INTERFACE_H

#include "coreml/check/checker.h"

void check_interfaces(struct checker *checker);

#endif
