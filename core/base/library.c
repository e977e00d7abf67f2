#include "core/base/library.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <xxhash.h>
#include <yaml.h>

#include "core/base/db.h"

void wb_base_libraries(json_t *object)
{
    char text[32];
    unsigned number = XXH_versionNumber();
    wb_json_set_str(object, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    (void)snprintf(text, sizeof(text), "%u.%u.%u", number / 10000, number / 100 % 100,
                   number % 100);
    wb_json_set_str(object, "xxhash", text);
    wb_json_set_str(object, "libyaml", yaml_get_version_string());
    wb_json_set_str(object, "sqlite", sqlite3_libversion());
    wb_json_set_str(object, "jansson", jansson_version_str());
}
