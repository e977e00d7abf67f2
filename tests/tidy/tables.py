"""What the rules hold the tree to. A new limit, layer, library or exception is a row here."""

C_ROOTS = ("core", "producer", "planner", "transfer", "verifier", "cli", "console", "tests",
           "bench")

# Limits as (everywhere, below tests/).
FUNCTION_LINES = (70, 90)
FUNCTION_COMPLEXITY = (15, 15)
FILE_LINES = (600, 900)
LINE_COLUMNS = (100, 100)

# Folder -> folders it may include besides itself. None: anything.
BASE = ("core/base",)
WIRE = BASE + ("core/wire",)
STORE = BASE + ("core/store",)
STAGE = WIRE + ("core/store", "core/stage")
ABOVE_STAGES = STAGE + ("producer", "planner", "transfer", "verifier")
LAYERS = {
    "core/base": (),
    "core/wire": BASE,
    "core/store": BASE,
    "core/stage": WIRE + STORE,
    "producer": STAGE,
    "planner": STAGE,
    "transfer": STAGE,
    "verifier": STAGE,
    "console": ABOVE_STAGES,
    "cli": ABOVE_STAGES + ("console",),
    "bench": None,
    "tests": None,
}

# Header -> the one folder that may include it; a name ending in a slash is a whole directory.
# Tests may include any of them.
THIRD_PARTY = {
    "librdkafka/": "core/wire",
    "avro.h": "core/wire",
    "avro/": "core/wire",
    "openssl/": "core/base",
    "xxhash.h": "core/base",
    "yaml.h": "core/base",
    "sqlite3.h": "core/base",
    "jansson.h": "core/base",
    "uthash.h": "core/base",
    "microhttpd.h": "core/stage",
    "curl/": "core/store",
    "expat.h": "core/store",
    "magic.h": "transfer",
    "popt.h": "cli",
    "cmocka.h": "tests",
}

# C17, POSIX.1-2008, and what Linux and its C library add.
SYSTEM = frozenset("""
    assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h
    setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h
    stdnoreturn.h string.h tgmath.h threads.h time.h uchar.h wchar.h wctype.h

    aio.h arpa/inet.h dirent.h dlfcn.h fcntl.h fnmatch.h ftw.h glob.h grp.h iconv.h langinfo.h
    libgen.h net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h regex.h sched.h
    search.h semaphore.h spawn.h strings.h sys/ipc.h sys/mman.h sys/resource.h sys/select.h
    sys/socket.h sys/stat.h sys/statvfs.h sys/time.h sys/times.h sys/types.h sys/uio.h sys/un.h
    sys/utsname.h sys/wait.h syslog.h termios.h ucontext.h unistd.h utime.h

    byteswap.h endian.h err.h execinfo.h fts.h getopt.h malloc.h mntent.h paths.h
    sys/epoll.h sys/eventfd.h sys/fanotify.h sys/file.h sys/inotify.h sys/ioctl.h sys/mount.h
    sys/param.h sys/prctl.h sys/ptrace.h sys/random.h sys/sendfile.h sys/signalfd.h sys/statfs.h
    sys/syscall.h
    sys/sysinfo.h sys/sysmacros.h sys/timerfd.h sys/user.h sys/vfs.h sys/xattr.h
    linux/falloc.h linux/fiemap.h linux/fs.h linux/limits.h linux/loop.h linux/magic.h
    linux/openat2.h
    linux/stat.h linux/types.h
""".split())

# Headers the build makes -> the folder that may include them.
GENERATED = {"wb_schemas_data.h": "core/wire"}

# Call -> what to use, or why not.
BANNED_CALLS = {
    "strcpy": "no bound, use wb_buf or snprintf",
    "strcat": "no bound, use wb_buf or snprintf",
    "sprintf": "no bound, use snprintf",
    "vsprintf": "no bound, use vsnprintf",
    "gets": "no bound, use getline",
    "atoi": "no errors, use strtol",
    "atol": "no errors, use strtol",
    "strtok": "hidden state, use strtok_r or strcspn",
    "system": "a shell, use posix_spawn",
    "popen": "a shell, use posix_spawn",
    "alloca": "no bound, use the heap or an arena",
    "tmpnam": "a race, use mkstemp or mkdtemp",
    "mktemp": "a race, use mkstemp or mkdtemp",
    "rand": "poor and shared, take randomness as a value",
}
BANNED_CALLS_IN_TESTS = {
    "sleep": "wait for a condition",
    "usleep": "wait for a condition",
}

PUBLIC_PREFIX = "wb_"
PUBLIC_EXCEPT = ("main",)

# File -> words of which a mutable file-scope variable there must have one; empty: any.
GLOBALS_ALLOWED = {
    "core/base/log.c": frozenset(),
    "core/store/mem.c": frozenset(),
    "core/stage/signals.c": frozenset(
        ("sig_atomic_t", "_Atomic", "atomic_bool", "atomic_int", "atomic_uint", "atomic_flag")),
}

# Text that no tracked file may hold, as (what, regular expression). deny.txt has plain words.
# Written so that this file does not match itself.
FORBIDDEN_TEXT = (
    ("left-over note", r"(?<![\w.-])(?:TO[D]O|FIX[M]E|XX[X])\b"),
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("access key", r"\bAKI[A](?!\w*EXAMPLE\b)[0-9A-Z]{16}\b"),
    ("access token", r"\b(?:gh[pousr]_\w{36}|github_pat_\w{22,}|xox[abprs]-[\w-]{10,})"),
    ("password in a URL", r"\b\w+://[^\s/:@${}<>\"']+:[^\s/:@${}<>%\"']+@"),
)
