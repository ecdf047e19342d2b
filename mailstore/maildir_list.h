/*
 * The messages of a Maildir in memory: one entry each, in the order of delivery, names
 * kept once.  Pure: no file is touched here.
 */
#ifndef MAILDIR_LIST_H
#define MAILDIR_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum maildir_sub { MAILDIR_NEW = 0, MAILDIR_CUR = 1 };
#define MAILDIR_SUBS 2

enum maildir_flag {
	MAILDIR_SEEN = 1u << 0,    /* the scan that is going on has met it */
	MAILDIR_GONE = 1u << 1,    /* a whole scan has not */
	MAILDIR_COUNTED = 1u << 2, /* octets, size and mtime are known */
	MAILDIR_REMOVED = 1u << 3, /* update has removed it, or found it gone */
	MAILDIR_FAILED = 1u << 4,  /* update could not remove it */
	MAILDIR_RIVAL = 1u << 5,   /* another message has the same base name */
	MAILDIR_SETTLED = 1u << 6, /* uid says what its unique-id is */
	MAILDIR_TRUSTED = 1u << 7, /* octets are what the name claims, not counted */
	MAILDIR_AS_IS = 1u << 8,   /* counted, and stored as it goes on the wire */
};

#define MAILDIR_OTHER                                                                    \
	UINT64_MAX /* the size of a file that was found to be another one                \
		    */

struct maildir_entry {
	const char *name; /* in the directory; belongs to the list or its index */
	const char *uid;  /* likewise; NULL: it is made from the name */
	uint64_t octets;  /* on the wire */
	uint64_t size;    /* stored, when octets was counted */
	int64_t mtime;    /* nanoseconds, likewise */
	uint32_t serial;  /* order of adding; of a rival, its index in list->rivals */
	uint16_t flags;   /* mask of enum maildir_flag */
	uint8_t base;     /* length of the base name */
	uint8_t sub;      /* enum maildir_sub */
};

/* The file of a message, where its base name is not enough to know it by. */
struct maildir_rival {
	dev_t dev;
	ino_t ino;
};

/* What the directories looked like when the list was made of them. */
struct maildir_view {
	struct stat dirs[MAILDIR_SUBS];
	bool settled; /* whatever has changed since shows in dirs */
};

struct maildir_chunk;

/* Start with zeroed memory. */
struct maildir_list {
	struct maildir_entry *entries;
	size_t count;
	size_t sorted; /* how many entries from the first can be found */
	size_t cap;
	/* Further names of messages that are in entries under another one. */
	struct maildir_entry *twins;
	size_t twin_count;
	struct maildir_rival *rivals;
	size_t rival_count;
	struct maildir_chunk *chunks; /* storage of names */
	size_t chunk_used;
	struct maildir_view view;
};

/*
 * Append a file; its name has at most MAILDIR_NAME_MAX octets.  False: out of memory, or
 * a name that is no name.
 */
bool maildir_list_add(struct maildir_list *list, const char *name, enum maildir_sub sub);

/*
 * Append an entry whose texts outlive the list, which must come behind all others in
 * order: the list is sorted then.  False: out of memory or out of order.
 */
bool maildir_list_adopt(struct maildir_list *list, const struct maildir_entry *entry);

/* A copy of a text that lives as long as the list; NULL: out of memory, or no text. */
const char *maildir_list_keep(struct maildir_list *list, const char *text);

/*
 * Put all in order.  Of entries with one base name the last added stays, and the others
 * become twins; rivals all stay.  False: out of memory.
 */
bool maildir_list_sort(struct maildir_list *list);

/* The first sorted entry with the base name of a file's name; NULL if there is none. */
struct maildir_entry *maildir_list_find(
	const struct maildir_list *list, const char *name);

/* The next one with the same base name, which only rivals have; NULL at the end. */
struct maildir_entry *maildir_list_next(
	const struct maildir_list *list, const struct maildir_entry *entry);

/* Remember a name that gives way to another one of its base.  False: out of memory. */
bool maildir_list_add_twin(struct maildir_list *list, const struct maildir_entry *entry);

/* Make entry i a rival, if it is none.  False: out of memory. */
bool maildir_list_mark_rival(struct maildir_list *list, size_t i, dev_t dev, ino_t ino);

/* Give an entry another name with the same base.  False: out of memory. */
bool maildir_list_rename(struct maildir_list *list, struct maildir_entry *entry,
	const char *name, enum maildir_sub sub);

/* Free all and zero it. */
void maildir_list_free(struct maildir_list *list);

#endif
