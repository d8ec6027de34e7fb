/* SPDX-License-Identifier: MIT */
#pragma once

/* IP addresses and prefixes: one 16-byte shape for both families, one canonical text.
 *
 * An IPv4 address is held as its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), and ::ffff:a.b.c.d
 * therefore *is* a.b.c.d. Prefix lengths count in the 128-bit space: 10.0.0.0/8 has bits = 104. A
 * prefix shorter than 96 bits is an IPv6 prefix and never contains an IPv4 address: ::/0 is all of
 * IPv6 and nothing of IPv4. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Address {
    uint8_t bytes[16]; /* network order */
} Address;

/* Invariant: all bits of `address` beyond `bits` are zero. */
typedef struct Prefix {
    Address address;
    uint8_t bits; /* 0..128, see above */
} Prefix;

#define ADDRESS_TEXT_MAX 46 /* INET6_ADDRSTRLEN, terminator included */
#define PREFIX_TEXT_MAX  50

Address address_from_in(struct in_addr in);
Address address_from_in6(const struct in6_addr *in6);
bool address_is_ipv4(const Address *address);
bool address_equal(const Address *a, const Address *b);

/* Total order: IPv4 before IPv6, then numerically; for prefixes a shorter one comes before those it
 * contains. */
int address_compare(const Address *a, const Address *b);
int prefix_compare(const Prefix *a, const Prefix *b);

/* The canonical text (RFC 5952; IPv4 dotted), into `buffer` of ADDRESS_TEXT_MAX, which is also
 * returned. */
const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_MAX]);
/* As above, with "/len" in the family's own count unless the prefix is one single address. */
const char *prefix_format(const Prefix *prefix, char buffer[static PREFIX_TEXT_MAX]);

/* Parses exactly one address. -EINVAL and nothing else on leading zeros, zone ids, ports, white
 * space or trailing bytes. */
int address_parse(const char *text, Address *ret);

/* Why a text was refused by prefix_parse(); prefix_error_message() gives the sentence for a user.
 */
typedef enum PrefixError {
    PREFIX_OK,
    PREFIX_NOT_AN_ADDRESS,
    PREFIX_BAD_LENGTH,
    PREFIX_HOST_BITS_SET,
    _PREFIX_ERROR_MAX,
} PrefixError;

/* Parses `address` or `address/length`. Returns 0, or -EINVAL with the reason in *ret_error (which
 * may be NULL). *ret is untouched on failure. */
int prefix_parse(const char *text, Prefix *ret, PrefixError *ret_error);
const char *prefix_error_message(PrefixError error);

bool prefix_is_single(const Prefix *prefix);
bool prefix_equal(const Prefix *a, const Prefix *b);
bool prefix_contains_address(const Prefix *prefix, const Address *address);
bool prefix_contains(const Prefix *outer, const Prefix *inner);
bool prefix_overlaps(const Prefix *a, const Prefix *b);
Prefix prefix_from_address(const Address *address);
/* `address` cut to its first `bits` bits. */
Prefix prefix_of(const Address *address, uint8_t bits);
