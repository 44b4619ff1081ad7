/* adapter_keys.h - names of tensors that PEFT would have written otherwise.
 *
 * PEFT knows a tensor by its whole name, "base_model.model.<module>.<part>". In a state dict that
 * was saved by hand names have more in them or less: those of wrappers (torch.compile, FSDP,
 * DistributedDataParallel), no prefix, the adapter's name. PEFT warns of missing keys and runs the
 * bare base. */
#ifndef PST_ADAPTER_ADAPTER_KEYS_H
#define PST_ADAPTER_ADAPTER_KEYS_H

#include "base/buffer.h"

/* Replaces *mended by the name that PEFT looks for in place of `key`. Returns 0 when that is `key`
 * itself, or when it cannot be told. */
int adapter_key_mend(const char *key, struct buffer *mended);

#endif
