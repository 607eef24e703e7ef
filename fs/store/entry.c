/* entry.c: the table of what may become of a file in an import folder. */
#include <qxfs/store/entry.h>

#include <assert.h>

#include <qxfs/base/sys.h>

#define TO(state) (1u << ENTRY_##state)

/* What a person makes of an entry that is not being sent: another name, other bytes, another try.
 */
#define ANEW \
	(TO(SCRATCH) | TO(WRITING) | TO(QUEUED) | TO(HELD) | TO(REFUSED) | TO(SAME) | TO(CHECKED))
#define ENDS (TO(DONE) | TO(PARTLY) | TO(FAILED) | TO(UNCERTAIN))

static const struct {
	struct entry_state_row row;
	unsigned next;
} states[] = {
	[ENTRY_SCRATCH] = { { "scratch", "is a local file and not sent", false, false,
	                      "Renamed to a name with an extension that is imported here it is a "
	                      "submission." },
	                    0 },
	[ENTRY_WRITING] = { { "writing", "is being written", false, false,
	                      "It is looked at when the program that writes it closes it." },
	                    TO(WRITING) | TO(QUEUED) | TO(HELD) | TO(REFUSED) | TO(SAME) |
	                            TO(CHECKED) | TO(FAILED) },
	[ENTRY_QUEUED] = { { "queued", "waits to be sent", false, false,
	                     "It goes out when no program has it open and nothing has changed for "
	                     "import_delay=; `qxfs wait` waits for its end, `rm` takes it back." },
	                   TO(QUEUED) | TO(HELD) | TO(SENDING) | TO(REFUSED) | TO(SAME) |
	                           TO(CHECKED) | TO(DONE) | TO(FAILED) },
	[ENTRY_HELD] = { { "held", "is not sent until you say so", false, true,
	                   "Send it with `qxfs send`, or drop it with `rm`." },
	                 TO(HELD) | TO(QUEUED) | TO(REFUSED) | TO(SAME) | TO(FAILED) },
	[ENTRY_SENDING] = { { "sending", "is being sent", true, false,
	                      "`qxfs wait` waits for its end." },
	                    TO(SENDING) | TO(QUEUED) | TO(IMPORTING) | ENDS },
	[ENTRY_IMPORTING] = { { "importing", "is being imported by the service", true, false,
	                        "`qxfs wait` waits for its end." },
	                      TO(IMPORTING) | TO(SENDING) | ENDS },
	[ENTRY_DONE] = { { "done", "is imported", false, true,
	                   "Nothing is to be done; it goes from here after keep_imports=." },
	                 0 },
	[ENTRY_PARTLY] = { { "done with refusals", "is imported, but for some rows", false, true,
	                     "The refused rows are beside it, to be mended and given again." },
	                   0 },
	[ENTRY_REFUSED] = { { "refused", "cannot be imported as it is", false, true,
	                      "Mend it and copy it here again." },
	                    0 },
	[ENTRY_FAILED] = { { "failed", "was not imported", false, true,
	                     "`qxfs send` tries again; `rm` drops it." },
	                   TO(QUEUED) },
	[ENTRY_UNCERTAIN] = { { "uncertain", "may have been imported", false, true,
	                        "Look in the account; then `rm` it, or send it again with `qxfs "
	                        "send`." },
	                      TO(QUEUED) },
	[ENTRY_SAME] = { { "same", "was sent before and is not sent again", false, true,
	                   "Nothing is to be done; `qxfs send` sends it all the same." },
	                 TO(QUEUED) },
	[ENTRY_CHECKED] = { { "checked", "was looked at and is not sent", false, true,
	                      "Its report says what it would do; moved into import/ it is sent." },
	                    0 },
};
static_assert(countof(states) == ENTRY_STATES_, "every state has its row");

#define PART(state) (1u << PART_##state)

static const unsigned parts[] = {
	[PART_WAITING] = PART(WAITING) | PART(SENDING) | PART(FAILED),
	/* back: it is known not to have gone out, or not to have been taken */
	[PART_SENDING] = PART(SENDING) | PART(WAITING) | PART(IMPORTING) | PART(DONE) |
	                 PART(FAILED) | PART(UNCERTAIN),
	[PART_IMPORTING] = PART(IMPORTING) | PART(DONE) | PART(FAILED) | PART(UNCERTAIN),
	[PART_DONE] = PART(DONE),                      /* its counts may still come */
	[PART_FAILED] = PART(WAITING) | PART(SENDING), /* these two: a person said so */
	[PART_UNCERTAIN] = PART(WAITING) | PART(SENDING),
};
static_assert(countof(parts) == PART_STATES_, "every state has its row");

const struct entry_state_row *entry_state_row(enum entry_state state)
{
	return &states[state].row;
}

const char *entry_next(const struct entry *e)
{
	return e->next[0] ? e->next : states[e->state].row.next;
}

bool entry_state_may(enum entry_state from, enum entry_state to)
{
	return (states[from].next >> to & 1) != 0;
}

bool entry_state_may_anew(enum entry_state from, enum entry_state to)
{
	return !states[from].row.busy && (from == to || (ANEW >> to & 1) != 0);
}

const char *part_state_word(enum part_state state)
{
	static const char *const words[] = {
		[PART_WAITING] = "waiting",     [PART_SENDING] = "sending",
		[PART_IMPORTING] = "importing", [PART_DONE] = "done",
		[PART_FAILED] = "failed",       [PART_UNCERTAIN] = "uncertain",
	};
	static_assert(countof(words) == PART_STATES_, "every state has its word");
	return words[state];
}

bool part_state_may(enum part_state from, enum part_state to)
{
	return (parts[from] >> to & 1) != 0;
}
