/* What libcurl alone gets through: PUT of each file of a folder and GET of it, bytes thrown away,
 * sixteen at a time on one multi handle. Proves nothing. Prints what it took as one line of JSON.
 *
 * usage: limit FOLDER URL [REGION]     credentials: LIMIT_USER=user:password; with REGION for S3 */
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PARALLEL = 16, NAMES_MOST = 1 << 20, TEXT = 1024 };

static const char *folder;
static const char *base;
static const char *region;
static char *names[NAMES_MOST];
static size_t count;
static long long bytes;

struct transfer {
    CURL *easy;
    char *map;
    size_t size;
    size_t sent;
};

static double now_s(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "limit: %s\n", what);
    exit(1);
}

static size_t drop(char *data, size_t size, size_t many, void *arg)
{
    (void)data;
    (void)arg;
    return size * many;
}

static size_t give(char *data, size_t size, size_t many, void *arg)
{
    struct transfer *transfer = arg;
    size_t left = transfer->size - transfer->sent;
    size_t most = size * many < left ? size * many : left;
    memcpy(data, transfer->map + transfer->sent, most);
    transfer->sent += most;
    return most;
}

static void map_file(struct transfer *transfer, const char *name)
{
    char path[TEXT];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        die(path);
    transfer->size = (size_t)info.st_size;
    transfer->sent = 0;
    transfer->map = mmap(NULL, transfer->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (transfer->map == MAP_FAILED)
        die(path);
    (void)close(fd);
}

static void begin(CURLM *multi, struct transfer *transfer, const char *name, int put)
{
    char url[TEXT];
    (void)snprintf(url, sizeof(url), "%s/%s", base, name);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_UPLOAD, (long)put);
    if (put) {
        map_file(transfer, name);
        bytes += (long long)transfer->size;
        (void)curl_easy_setopt(transfer->easy, CURLOPT_INFILESIZE_LARGE,
                               (curl_off_t)transfer->size);
    } else {
        (void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPGET, 1L);
    }
    if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        die("cannot begin a request");
}

static void end(CURLM *multi, struct transfer *transfer, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status / 100 != 2) {
        (void)fprintf(stderr, "limit: %s, status %ld\n", curl_easy_strerror(code), status);
        exit(1);
    }
    (void)curl_multi_remove_handle(multi, transfer->easy);
    if (transfer->map)
        (void)munmap(transfer->map, transfer->size);
    transfer->map = NULL;
}

/* Each file once. */
static void pass(CURLM *multi, struct transfer *transfers, int put)
{
    size_t next = 0;
    size_t busy = 0;
    for (size_t i = 0; i < PARALLEL && next < count; i++, busy++)
        begin(multi, &transfers[i], names[next++], put);
    while (busy) {
        int running;
        int queued;
        CURLMsg *message;
        (void)curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &queued))) {
            struct transfer *transfer;
            CURLcode code = message->data.result;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            end(multi, transfer, code);
            busy--;
            if (next < count) {
                begin(multi, transfer, names[next++], put);
                busy++;
            }
        }
        if (busy)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static void set_up(struct transfer *transfer)
{
    const char *user = getenv("LIMIT_USER");
    char provider[TEXT];
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        die("no handle");
    (void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, give);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512 * 1024L);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_BUFFERSIZE, 512 * 1024L);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_USERPWD, user ? user : ":");
    (void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    if (!region)
        return;
    (void)snprintf(provider, sizeof(provider), "aws:amz:%s:s3", region);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_AWS_SIGV4, provider);
}

int main(int argc, char **argv)
{
    struct transfer transfers[PARALLEL] = {0};
    if (argc < 3)
        die("usage: limit FOLDER URL [REGION]");
    folder = argv[1];
    base = argv[2];
    region = argc > 3 ? argv[3] : NULL;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) && count < NAMES_MOST)
        if (entry->d_name[0] != '.')
            names[count++] = strdup(entry->d_name);
    if (dir)
        (void)closedir(dir);
    CURLM *multi = curl_multi_init();
    for (size_t i = 0; i < PARALLEL; i++)
        set_up(&transfers[i]);
    double begun_s = now_s();
    pass(multi, transfers, 1);
    pass(multi, transfers, 0);
    (void)printf("{\"files\": %zu, \"bytes\": %lld, \"seconds\": %.3f}\n", count, bytes,
                 now_s() - begun_s);
    for (size_t i = 0; i < PARALLEL; i++)
        curl_easy_cleanup(transfers[i].easy);
    (void)curl_multi_cleanup(multi);
    return 0;
}
