/* SPDX-License-Identifier: MIT */
/* Texts of addresses and prefixes. What is accepted has one canonical text, which stands for the
 * same; whatever the C library reads as an address is one here, and nothing else is. */

#include "fuzz.h"

#include "base/address.h"
#include "base/text.h"

#include <arpa/inet.h>

static void check_round_trip(const Prefix *prefix)
{
    char text[PREFIX_TEXT_MAX], again[PREFIX_TEXT_MAX];
    Prefix back;

    CHECK(strlen(prefix_format(prefix, text)) < sizeof(text));
    CHECK(prefix_parse(text, &back, NULL) == 0);
    CHECK(prefix_equal(prefix, &back));
    CHECK(strcmp(prefix_format(&back, again), text) == 0);
    CHECK(prefix_contains(prefix, &back) && prefix_overlaps(prefix, &back));
    CHECK(prefix_contains_address(prefix, &prefix->address));
    CHECK(prefix_compare(prefix, &back) == 0);
}

static void check_address(const char *text)
{
    uint8_t bytes[16];
    bool known = inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
    Address address;

    CHECK((address_parse(text, &address) == 0) == known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = fuzz_text(data, size);
    Prefix prefix = {.bits = 77};
    PrefixError error = PREFIX_OK;
    uint64_t number;

    check_address(text);
    if (prefix_parse(text, &prefix, &error) == 0) {
        CHECK(error == PREFIX_OK);
        check_round_trip(&prefix);
    } else {
        CHECK(error != PREFIX_OK && prefix.bits == 77);
        CHECK(strlen(prefix_error_message(error)) > 0);
    }
    if (parse_uint64(text, 3, 1000, &number) == 0)
        CHECK(number >= 3 && number <= 1000 && (uint64_t)strtoul(text, NULL, 10) == number);
    (void)parse_duration_sec(text, &number);
    (void)text_is_printable(text);
    return 0;
}
