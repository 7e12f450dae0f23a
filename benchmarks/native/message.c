/* The generator's messages, each made from its number, and the check that a reply is the right one.

   Every message has its number in it, so that a reply that is lost, doubled, out of order or another connection's
   is found; the rest is compared by memcmp. */

#include "message.h"

#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_AT = 8, DIGITS = 8, NUMBER_END = NUMBER_AT + DIGITS, PATTERNS = 16 };

static struct work work;
/* Objects like those that servers send. So many that none is still in deflate's window of 32 KiB when it comes
   again: a server with context takeover would send it as one reference. */
static unsigned char *patterns[PATTERNS];

static uint32_t chance(void)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

/* One row of a list; with its words and digits, 4 KiB deflate to about a quarter. */
static size_t write_row(char *to, size_t room)
{
    static const char *const words[] = {"amber", "basalt", "cedar", "delta", "ember", "fjord", "grove", "harbor"};
    return (size_t)snprintf(to, room, "{\"id\":%u,\"name\":\"%s %s\",\"price\":%u.%02u,\"available\":%s},",
                            chance() % 1000000, words[chance() % 8], words[chance() % 8], chance() % 500,
                            chance() % 100, chance() % 2 ? "true" : "false");
}

static unsigned char *make_pattern(void)
{
    char row[MAX_REPLY];
    unsigned char *pattern = malloc(work.size > MAX_REPLY ? work.size : MAX_REPLY);
    size_t at = (size_t)sprintf((char *)pattern, "{\"id\": \"00000000\",");
    while (at < work.size) {
        size_t size = write_row(row, sizeof row);
        size = size < work.size - at ? size : work.size - at;
        memcpy(pattern + at, row, size);
        at += size;
    }
    return pattern;
}

void prepare_messages(const struct work *given)
{
    work = *given;
    if (work.size < NUMBER_END + 2)
        errx(2, "a message has at least %d bytes", NUMBER_END + 2);
    for (int i = 0; i < PATTERNS; i++)
        patterns[i] = make_pattern();
}

static void write_number(unsigned char *to, uint32_t number)
{
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10)
        to[i] = (unsigned char)('0' + number % 10);
}

static const double PRICE = 12.5;

static uint32_t count_of(uint32_t number)
{
    return number % 9 + 1;
}

/* A request; its reply is {"kind": "reply", "ref": number, "total": count * price}. */
static size_t write_request(unsigned char *to, uint32_t number)
{
    return (size_t)snprintf((char *)to, MAX_REPLY,
                            "{\"kind\":\"order.create\",\"item\":\"tea\",\"count\":%u,\"price\":%.1f,\"ref\":%u}",
                            count_of(number), PRICE, number);
}

/* One of eight kinds in turn; what comes back is {"kind": "order.priced", "number": number, "total": count * price}. */
static size_t write_kind(unsigned char *to, uint32_t number)
{
    static const char *const kinds[] = {"create", "change", "confirm", "pay", "pack", "ship", "cancel", "return"};
    return (size_t)snprintf((char *)to, MAX_REPLY,
                            "{\"kind\":\"order.%s\",\"number\":%u,\"count\":%u,\"price\":%.1f}", kinds[number % 8],
                            number, count_of(number), PRICE);
}

static bool sends_objects(void)
{
    return work.task == JSON || work.task == KINDS;
}

const unsigned char *make_message(uint32_t number, size_t *size)
{
    unsigned char *pattern = patterns[number % PATTERNS];
    if (sends_objects()) {
        *size = work.task == JSON ? write_request(pattern, number) : write_kind(pattern, number);
        return pattern;
    }
    write_number(pattern + NUMBER_AT, number);
    *size = work.size;
    return pattern;
}

bool check_piece(struct reply *reply, uint32_t number, const unsigned char *data, size_t size)
{
    size_t at = reply->size, limit = sends_objects() ? MAX_REPLY - 1 : work.size;
    if (size > limit - at)
        return false;
    reply->size += size;
    if (sends_objects()) {
        memcpy(reply->text + at, data, size);
        return true;
    }
    unsigned char *pattern = patterns[number % PATTERNS];
    if (at < NUMBER_END)
        write_number(pattern + NUMBER_AT, number);
    return memcmp(pattern + at, data, size) == 0;
}

/* The number after `key` in a reply; NAN: there is none. */
static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtod(at + strlen(key), NULL) : (double)NAN;
}

static bool is_answer(const char *text, uint32_t number)
{
    const char *kind = work.task == JSON ? "reply" : "order.priced";
    const char *key = work.task == JSON ? "\"ref\":" : "\"number\":";
    return strstr(text, kind) && number_after(text, key) == number &&
           number_after(text, "\"total\":") == count_of(number) * PRICE;
}

bool check_end(struct reply *reply, uint32_t number, int opcode)
{
    size_t size = reply->size;
    reply->size = 0;
    if (!sends_objects())
        return size == work.size && opcode == work.opcode;
    reply->text[size] = '\0';
    return is_answer(reply->text, number);
}
