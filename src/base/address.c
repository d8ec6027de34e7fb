/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

Address address_from_in(struct in_addr in)
{
    Address address;

    memcpy(address.bytes, mapped_prefix, 12);
    memcpy(address.bytes + 12, &in, 4);
    return address;
}

Address address_from_in6(const struct in6_addr *in6)
{
    Address address;

    memcpy(address.bytes, in6, 16);
    return address;
}

/* Half of it, as a number. */
static uint64_t half(const Address *address, size_t i)
{
    uint64_t half_be;

    memcpy(&half_be, address->bytes + i * sizeof(half_be), sizeof(half_be));
    return be64toh(half_be);
}

bool address_is_ipv4(const Address *address)
{
    return half(address, 0) == 0 && half(address, 1) >> 32 == 0xffff;
}

bool address_equal(const Address *a, const Address *b)
{
    return half(a, 0) == half(b, 0) && half(a, 1) == half(b, 1);
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int address_compare(const Address *a, const Address *b)
{
    int order = address_is_ipv4(b) - address_is_ipv4(a);

    if (order == 0)
        order = compare(half(a, 0), half(b, 0));
    return order ? order : compare(half(a, 1), half(b, 1));
}

static bool prefix_is_ipv4(const Prefix *prefix)
{
    return prefix->bits >= 96 && address_is_ipv4(&prefix->address);
}

int prefix_compare(const Prefix *a, const Prefix *b)
{
    int family = prefix_is_ipv4(b) - prefix_is_ipv4(a);
    int order = family ? family : memcmp(&a->address, &b->address, sizeof(a->address));

    return order ? order : (int)a->bits - (int)b->bits;
}

const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_MAX])
{
    bool ipv4 = address_is_ipv4(address);

    return inet_ntop(
            ipv4 ? AF_INET : AF_INET6, address->bytes + (ipv4 ? 12 : 0), buffer, ADDRESS_TEXT_MAX);
}

const char *prefix_format(const Prefix *prefix, char buffer[static PREFIX_TEXT_MAX])
{
    size_t used;

    address_format(&prefix->address, buffer);
    if (prefix_is_single(prefix))
        return buffer;
    used = strlen(buffer);
    snprintf(buffer + used, PREFIX_TEXT_MAX - used, "/%d",
            prefix_is_ipv4(prefix) ? prefix->bits - 96 : prefix->bits);
    return buffer;
}

/* inet_pton(3) refuses leading zeros, zone ids and trailing bytes by itself. */
int address_parse(const char *text, Address *ret)
{
    struct in_addr in;
    struct in6_addr in6;

    if (inet_pton(AF_INET, text, &in) == 1)
        *ret = address_from_in(in);
    else if (inet_pton(AF_INET6, text, &in6) == 1)
        *ret = address_from_in6(&in6);
    else
        return -EINVAL;
    return 0;
}

Prefix prefix_of(const Address *address, uint8_t bits)
{
    Prefix prefix = {.address = *address, .bits = bits};

    for (int i = 0; i < 16; i++) {
        int keep = bits - i * 8;

        if (keep <= 0)
            prefix.address.bytes[i] = 0;
        else if (keep < 8)
            prefix.address.bytes[i] &= (uint8_t)(0xff << (8 - keep));
    }
    return prefix;
}

/* The length in the 128-bit space; a dotted text counts from the 96th bit on. No leading zeros. */
static bool parse_length(const char *text, bool dotted, uint8_t *ret)
{
    unsigned length = 0, max = dotted ? 32 : 128;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
        return false;
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (unsigned)(text[i] - '0');
    if (length > max)
        return false;
    *ret = (uint8_t)(length + (dotted ? 96 : 0));
    return true;
}

static PrefixError parse(const char *text, Prefix *ret)
{
    char address_text[ADDRESS_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    Address address;
    uint8_t bits = 128;

    if (size >= sizeof(address_text))
        return PREFIX_NOT_AN_ADDRESS;
    memcpy(address_text, text, size);
    address_text[size] = '\0';
    if (address_parse(address_text, &address) < 0)
        return PREFIX_NOT_AN_ADDRESS;
    if (slash && !parse_length(slash + 1, !strchr(address_text, ':'), &bits))
        return PREFIX_BAD_LENGTH;
    *ret = prefix_of(&address, bits);
    return address_equal(&ret->address, &address) ? PREFIX_OK : PREFIX_HOST_BITS_SET;
}

int prefix_parse(const char *text, Prefix *ret, PrefixError *ret_error)
{
    Prefix prefix;
    PrefixError error = parse(text, &prefix);

    if (ret_error)
        *ret_error = error;
    if (error != PREFIX_OK)
        return -EINVAL;
    *ret = prefix;
    return 0;
}

const char *prefix_error_message(PrefixError error)
{
    static const char *const messages[_PREFIX_ERROR_MAX] = {
            "no error",
            "not an IPv4 or IPv6 address",
            "the prefix length must be 0 to 32 (IPv4) or 0 to 128 (IPv6)",
            "the address has bits set beyond the prefix length",
    };

    return messages[error];
}

bool prefix_is_single(const Prefix *prefix)
{
    return prefix->bits == 128;
}

bool prefix_equal(const Prefix *a, const Prefix *b)
{
    return a->bits == b->bits && address_equal(&a->address, &b->address);
}

bool prefix_contains_address(const Prefix *prefix, const Address *address)
{
    Prefix cut = prefix_of(address, prefix->bits);

    return prefix_is_ipv4(prefix) == address_is_ipv4(address) && prefix_equal(&cut, prefix);
}

bool prefix_contains(const Prefix *outer, const Prefix *inner)
{
    Prefix cut = prefix_of(&inner->address, outer->bits);

    return outer->bits <= inner->bits && prefix_is_ipv4(outer) == prefix_is_ipv4(inner) &&
           prefix_equal(&cut, outer);
}

bool prefix_overlaps(const Prefix *a, const Prefix *b)
{
    return prefix_contains(a, b) || prefix_contains(b, a);
}

Prefix prefix_from_address(const Address *address)
{
    return (Prefix){.address = *address, .bits = 128};
}
