/* A ledger content or change in the coding of docs/protocol.md, read from memory. See ledger.c. */
#ifndef DAYMARK_LEDGER_H
#define DAYMARK_LEDGER_H
#include <stddef.h>
#include <stdint.h>

enum ledger_result { LEDGER_OK, LEDGER_MALFORMED, LEDGER_OUT_OF_RANGE, LEDGER_TOO_LARGE };

/* Either may be null. What they are told holds only when ledger_read returns LEDGER_OK. */
struct ledger_sink {
  void (*numbers)(void *context, uint32_t first, uint32_t last); /* both included */
  void (*generation)(void *context, uint32_t number, uint32_t lowest);
  void *context;
};

/* lowest: the lowest generation that may stand there: 2 in a content, 1 in a change. */
enum ledger_result ledger_read(const uint8_t *bytes, size_t size, uint32_t lowest, struct ledger_sink to);

#endif
