# pop3d: works with GNU make and BSD make.  `make help` lists what can be made.

VERSION = 0.1

# Where things go.  Override on the command line; DESTDIR is honoured.
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
LIBDIR = $(PREFIX)/lib/pop3d
MODDIR = $(LIBDIR)/auth
EMPTYDIR = $(LIBDIR)/empty
MANDIR = $(PREFIX)/share/man
SYSCONFDIR = /etc/pop3d
RUNDIR = /run/pop3d

CC = cc
PKG_CONFIG = pkg-config
OPT = -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef \
	-Wformat=2 -Wwrite-strings -Wcast-qual -Wvla -Wnull-dereference \
	-Wimplicit-fallthrough
HARDEN = -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
WERROR =
CFLAGS =
LDFLAGS =

# inih and libmd are linked from their archives: a connection then pays for no more
# shared objects than libc.  A packager may say INIH_LIBS=-linih MD_LIBS=-lmd.
INIH_LIBS = -l:libinih.a
MD_LIBS = -l:libmd.a
SODIUM_CFLAGS != $(PKG_CONFIG) --cflags libsodium
SODIUM_LIBS != $(PKG_CONFIG) --libs libsodium

PATHS = -DPOP3D_VERSION='"$(VERSION)"' -DPOP3D_CONFIG='"$(SYSCONFDIR)/pop3d.conf"' \
	-DPOP3D_MODULES='"$(MODDIR)"' -DPOP3D_EMPTY='"$(EMPTYDIR)"' \
	-DPOP3D_RUN='"$(RUNDIR)"'
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -I. $(OPT) $(WARN) $(WERROR) $(HARDEN) -fPIC \
	-MMD -MP $(SODIUM_CFLAGS) $(PATHS) $(CFLAGS)
LINK = $(CC) -pie -Wl,-z,relro,-z,now,--as-needed $(CFLAGS) $(LDFLAGS)
LINK_MODULE = $(CC) -shared -Wl,-z,relro,-z,now,-z,defs,--as-needed $(CFLAGS) $(LDFLAGS)

# What each program is made of.
MAILSTORE_OBJS = mailstore/location.o mailstore/octets.o mailstore/unique_id.o \
	mailstore/session_lock.o
AUTH_CORE_OBJS = auth/chain.o auth/loader.o auth/mechanism.o auth/mech_user.o
PASSWD_OBJS = auth/userfile.o auth/password_hash.o
CONFIG_OBJS = pop3d/config.o pop3d/config_keys.o pop3d/number.o
POP3D_OBJS = pop3d/main.o $(CONFIG_OBJS) $(AUTH_CORE_OBJS) $(MAILSTORE_OBJS)
POP3CTL_OBJS = pop3d/ctl/main.o $(CONFIG_OBJS) $(PASSWD_OBJS)
MODULES = auth/passwd.so

# Unit tests: one program, one file and one entry in tests/unit/tests.h per file tested.
UNIT_OBJS = tests/unit/main.o
# Every object of the project but those with a main().
UNIT_LIBS = $(CONFIG_OBJS) $(AUTH_CORE_OBJS) $(PASSWD_OBJS) $(MAILSTORE_OBJS)

all: pop3d/pop3d pop3d/ctl/pop3ctl $(MODULES)

.SUFFIXES:
.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

pop3d/pop3d: $(POP3D_OBJS)
	$(LINK) -o $@ $(POP3D_OBJS) $(INIH_LIBS) $(MD_LIBS)

pop3d/ctl/pop3ctl: $(POP3CTL_OBJS)
	$(LINK) -o $@ $(POP3CTL_OBJS) $(INIH_LIBS) $(SODIUM_LIBS)

auth/passwd.so: auth/passwd.o $(PASSWD_OBJS)
	$(LINK_MODULE) -o $@ auth/passwd.o $(PASSWD_OBJS) $(SODIUM_LIBS)

tests/unit/unit: $(UNIT_OBJS) $(UNIT_LIBS)
	$(LINK) -o $@ $(UNIT_OBJS) $(UNIT_LIBS) $(INIH_LIBS) $(MD_LIBS) $(SODIUM_LIBS) -lcmocka

check: all tests/unit/unit
	./tests/unit/unit

DEPS = $(POP3D_OBJS:.o=.d) $(POP3CTL_OBJS:.o=.d) $(UNIT_OBJS:.o=.d) auth/passwd.d
clean:
	rm -f $(POP3D_OBJS) $(POP3CTL_OBJS) $(UNIT_OBJS) auth/passwd.o $(DEPS) $(MODULES) \
		pop3d/pop3d pop3d/ctl/pop3ctl tests/unit/unit

.PHONY: all check clean
-include $(DEPS)
