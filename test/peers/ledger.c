/* Reads the ledger coding in constant memory, without allocation. C99. The interface is in ledger.h. */
#include "ledger.h"

#define MAX_BYTES 1048576u
#define MAX_NUMBER 0xffffffffu
#define MAX_PARAMETER 0x80000000u
enum { GAPS, RUNS, BITMAP };

struct reader { const uint8_t *bytes; size_t bits, at; enum ledger_result result; };

/* The first refusal stays; what is read after it means nothing. */
static uint32_t refuse(struct reader *in, enum ledger_result why) {
  if (in->result == LEDGER_OK) in->result = why;
  return 0;
}

static uint32_t read_bits(struct reader *in, unsigned count) {
  uint32_t value = 0;
  for (; count > 0; count--, in->at++) {
    if (in->at >= in->bits) return refuse(in, LEDGER_MALFORMED);
    value = value << 1 | (in->bytes[in->at / 8] >> (7 - in->at % 8) & 1u);
  }
  return value;
}

static uint32_t read_varint(struct reader *in, uint32_t min, uint32_t max) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    uint32_t byte = read_bits(in, 8);
    value |= (uint64_t)(byte & 127) << shift;
    if (byte > 127) continue;
    if (byte == 0 && shift > 0) return refuse(in, LEDGER_MALFORMED); /* not the shortest form */
    return value < min || value > max ? refuse(in, LEDGER_OUT_OF_RANGE) : (uint32_t)value;
  }
  return refuse(in, LEDGER_MALFORMED);
}

static uint64_t read_golomb(struct reader *in, uint32_t parameter) {
  uint64_t quotient = 0;
  unsigned width = 0;
  while (in->result == LEDGER_OK && read_bits(in, 1) == 0) quotient++;
  while (parameter >> width > 1) width++;
  uint64_t cutoff = ((uint64_t)2 << width) - parameter, remainder = read_bits(in, width);
  if (remainder >= cutoff) remainder = 2 * remainder + read_bits(in, 1) - cutoff;
  return quotient * parameter + remainder;
}

static void read_numbers(struct reader *in, struct ledger_sink to) {
  uint32_t left = read_varint(in, 0, MAX_NUMBER), gap = 1, length = 0;
  if (left > 8 * MAX_BYTES) refuse(in, LEDGER_TOO_LARGE);
  if (left == 0) return;
  uint32_t mode = read_bits(in, 8);
  if (mode > BITMAP) refuse(in, LEDGER_MALFORMED);
  uint64_t first = read_varint(in, 1, MAX_NUMBER), last;
  if (mode != BITMAP) gap = read_varint(in, 1, MAX_PARAMETER);
  if (mode == RUNS) length = read_varint(in, 1, MAX_PARAMETER);
  while (in->result == LEDGER_OK) {
    last = first + (mode == RUNS ? read_golomb(in, length) : 0);
    if (last - first >= left) refuse(in, LEDGER_MALFORMED); /* more numbers than it counts */
    if (last > MAX_NUMBER) refuse(in, LEDGER_OUT_OF_RANGE);
    if (to.numbers && in->result == LEDGER_OK) to.numbers(to.context, (uint32_t)first, (uint32_t)last);
    if ((left -= (uint32_t)(last - first) + 1) == 0) break;
    first = last + (mode == RUNS ? 2 : 1) + read_golomb(in, gap);
  }
  if (read_bits(in, -in->at % 8) != 0) refuse(in, LEDGER_MALFORMED); /* bits that fill up the byte */
}

enum ledger_result ledger_read(const uint8_t *bytes, size_t size, uint32_t lowest, struct ledger_sink to) {
  struct reader in = {bytes, 8 * size, 0, size > MAX_BYTES ? LEDGER_TOO_LARGE : LEDGER_OK};
  uint64_t number = 0;
  read_numbers(&in, to);
  for (uint32_t left = read_varint(&in, 0, MAX_NUMBER); left > 0 && in.result == LEDGER_OK; left--) {
    number += 1 + (uint64_t)read_varint(&in, 0, MAX_NUMBER);
    if (number > MAX_NUMBER) refuse(&in, LEDGER_OUT_OF_RANGE);
    uint32_t generation = read_varint(&in, lowest, MAX_NUMBER);
    if (to.generation && in.result == LEDGER_OK) to.generation(to.context, (uint32_t)number, generation);
  }
  if (in.at < in.bits) refuse(&in, LEDGER_MALFORMED);
  return in.result;
}
