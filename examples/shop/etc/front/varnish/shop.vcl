# Varnish: keeps pages for a moment and files for long, and sends visitors to app servers that are ready.
#   varnishd -a :6081 -f /etc/varnish/shop.vcl -s malloc,64m
vcl 4.1;

import directors;

# Apache on the app server passes this to Rootferry's receiver, so the probe tests both.
probe ready {
    .url = "/readyz";
    .interval = 500ms;
    .timeout = 1s;
    # Sick after two bad answers, healthy after a good one, and sick before the first.
    .window = 2;
    .threshold = 1;
    .initial = 0;
}

# A server that dies amid a request says nothing: after 15 s another one is asked.
backend app1 { .host = "app1"; .port = "80"; .probe = ready; .connect_timeout = 500ms; .first_byte_timeout = 15s; }
backend app2 { .host = "app2"; .port = "80"; .probe = ready; .connect_timeout = 500ms; .first_byte_timeout = 15s; }
# A server that is not there yet is sick, and gets its visitors when it has joined.
backend app3 { .host = "app3"; .port = "80"; .probe = ready; .connect_timeout = 500ms; .first_byte_timeout = 15s; }

# The same without a question, for when none is ready: they have a cause in common then, and an old page is better than
# none. A server that cannot be reached is passed over.
backend app1_anyhow { .host = "app1"; .port = "80"; .connect_timeout = 500ms; .first_byte_timeout = 15s; }
backend app2_anyhow { .host = "app2"; .port = "80"; .connect_timeout = 500ms; .first_byte_timeout = 15s; }
backend app3_anyhow { .host = "app3"; .port = "80"; .connect_timeout = 500ms; .first_byte_timeout = 15s; }

acl admin { "admin"; "127.0.0.1"; }

sub vcl_init {
    new in_service = directors.round_robin();
    in_service.add_backend(app1);
    in_service.add_backend(app2);
    in_service.add_backend(app3);
    new anyhow = directors.round_robin();
    anyhow.add_backend(app1_anyhow);
    anyhow.add_backend(app2_anyhow);
    anyhow.add_backend(app3_anyhow);
    new apps = directors.fallback();
    apps.add_backend(in_service.backend());
    apps.add_backend(anyhow.backend());
}

sub vcl_recv {
    set req.backend_hint = apps.backend();
    if (req.url == "/readyz") { return (synth(404)); }
    if (req.method == "BAN") { call banned; }
    if (req.method != "GET" && req.method != "HEAD") { return (pass); }
    # Pages of somebody: of people who are signed in, and of visitors with a session.
    if (req.http.Cookie ~ "(wordpress_logged_in|wp-postpass|PHPSESSID|frontend|adminhtml)") { return (pass); }
    unset req.http.Cookie;
    return (hash);
}

# Rootferry's hook on the admin server, when all app servers have a change: etc/admin/rootferry/purge-varnish.php
sub banned {
    if (client.ip !~ admin) { return (synth(403)); }
    if (req.http.X-Ban == "everything") {
        ban("obj.status != 0");
    } else {
        ban("obj.http.X-Path == " + req.url);
    }
    return (synth(200));
}

# A server that cannot be reached: the next one is asked, which is another one as a rule.
sub vcl_backend_error {
    if (bereq.retries < 4 && (bereq.method == "GET" || bereq.method == "HEAD")) { return (retry); }
}

sub vcl_backend_response {
    # A page that failed is tried once more, as when the database's primary was lost amid it.
    if (beresp.status >= 500 && bereq.retries == 0 && (bereq.method == "GET" || bereq.method == "HEAD")) {
        return (retry);
    }
    # For bans, which are compared in the background.
    set beresp.http.X-Path = regsub(bereq.url, "\?.*$", "");
    if (beresp.http.Set-Cookie) {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    } elsif (bereq.url ~ "^[^?]*\.(css|js|jpe?g|png|gif|svg|webp|ico|woff2?)(\?|$)") {
        # The purge makes this safe. What is missing is remembered, too, until it is there.
        set beresp.ttl = 1h;
    } elsif (beresp.status == 200) {
        # What is in the database changes without a change of files.
        set beresp.ttl = 5s;
    }
    set beresp.grace = 10s;
}

sub vcl_deliver {
    unset resp.http.X-Path;
    set resp.http.X-Cache = "miss";
    if (obj.hits > 0) { set resp.http.X-Cache = "hit"; }
}
