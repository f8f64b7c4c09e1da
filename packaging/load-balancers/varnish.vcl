# Varnish 6 or newer. Each node's web server passes /readyz to its receiver: apache-node.conf, nginx-node.conf.
vcl 4.1;

import directors;

probe ready {
    .url = "/readyz";
    .interval = 500ms;
    .timeout = 1s;
    # Sick after two bad answers, healthy after a good one, and sick before the first.
    .window = 2;
    .threshold = 1;
    .initial = 0;
}

backend web1 { .host = "10.0.0.11"; .port = "80"; .probe = ready; }
backend web2 { .host = "10.0.0.12"; .port = "80"; .probe = ready; }

sub vcl_init {
    new shop = directors.round_robin();
    shop.add_backend(web1);
    shop.add_backend(web2);
}

sub vcl_recv {
    set req.backend_hint = shop.backend();
    if (req.url == "/readyz") { return (synth(404)); }
}
