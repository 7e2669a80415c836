/*
 * Reads lines "content HEX" and "change HEX" from standard input and answers each with one line: an error code,
 * or "ok", the runs as first-last, and the generations as number:lowest.
 */
#include <stdio.h>
#include <string.h>
#include "ledger.h"

#define MAX_INPUT_BYTES 1048600u
static const char *const RESULTS[] = {"ok", "malformed", "out-of-range", "too-large"};

static void print_numbers(void *context, uint32_t first, uint32_t last) {
  (void)context;
  printf(" %lu-%lu", (unsigned long)first, (unsigned long)last);
}

static void print_generation(void *context, uint32_t number, uint32_t lowest) {
  (void)context;
  printf(" %lu:%lu", (unsigned long)number, (unsigned long)lowest);
}

static int hex_digit(int character) {
  const char *digits = "0123456789abcdef", *found = character > 0 ? strchr(digits, character) : NULL;
  return found ? (int)(found - digits) : -1;
}

/* Up to the end of the line. */
static size_t read_hex(uint8_t *bytes) {
  size_t size = 0;
  for (int high = hex_digit(getchar()); high >= 0 && size < MAX_INPUT_BYTES; high = hex_digit(getchar()))
    bytes[size++] = (uint8_t)(high << 4 | (hex_digit(getchar()) & 15));
  return size;
}

int main(void) {
  static uint8_t bytes[MAX_INPUT_BYTES];
  const struct ledger_sink nobody = {0}, printer = {print_numbers, print_generation, NULL};
  char read[8];
  while (scanf("%7s", read) == 1 && getchar() == ' ') {
    size_t size = read_hex(bytes);
    uint32_t lowest = strcmp(read, "content") == 0 ? 2 : 1;
    enum ledger_result result = ledger_read(bytes, size, lowest, nobody);
    printf("%s", RESULTS[result]);
    if (result == LEDGER_OK) ledger_read(bytes, size, lowest, printer);
    printf("\n");
  }
  return 0;
}
