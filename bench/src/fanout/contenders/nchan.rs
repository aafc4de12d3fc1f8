//! Debian's nginx with Nchan: published to by POST, subscribed to as EventSource.

use std::io;
use std::path::Path;
use std::process::Command;

use super::process::{Program, Scratch, free_address};
use super::{Missing, Running, Server, Start, Started};
use crate::fanout::source::Push;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// Starts it with one worker: it has one core.
pub(crate) fn start(start: &Start<'_>) -> io::Result<Started> {
    if Command::new("nginx").arg("-v").output().is_err() || !Path::new(MODULE).exists() {
        return Ok(Err(Missing(
            "nginx with Nchan is not installed: apt-get install nginx libnginx-mod-nchan".into(),
        )));
    }
    let scratch = Scratch::new()?;
    let (listen, publish) = (free_address()?, free_address()?);
    let (mut ssl, mut lines) = ("", String::new());
    if let Some(identity) = start.identity {
        let certificate = scratch.write("certificate.pem", &identity.certificate)?;
        let key = scratch.write("key.pem", &identity.key)?;
        ssl = " ssl";
        lines = format!(
            "ssl_certificate {};\n        ssl_certificate_key {};\n        ssl_session_cache off;\n",
            certificate.display(),
            key.display()
        );
    }
    let folder = scratch.path().display();
    let text = format!(
        "load_module {MODULE};
user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 19900; }}
http {{
    access_log off;
    tcp_nodelay on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 128k;
    client_max_body_size 16m;
    keepalive_requests 1000000;
    keepalive_timeout 1h;
    send_timeout 1h;
    nchan_shared_memory_size 512M;
    server {{
        listen {listen}{ssl} backlog=4096;
        listen {publish};
        {lines}
        location = /pub {{
            nchan_publisher;
            nchan_channel_id $arg_id;
            nchan_message_buffer_length 1000;
            nchan_message_timeout 5m;
        }}
        location = /sub {{
            nchan_subscriber eventsource;
            nchan_channel_id $arg_id;
            nchan_subscriber_first_message -1;
        }}
    }}
}}
"
    );
    let file = scratch.write("nginx.conf", &text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(scratch.path()).arg("-e").arg("stderr").arg("-c").arg(file);
    Ok(Ok(Server {
        note: "one worker".into(),
        address: listen,
        target: "/sub?id={}".into(),
        push: Some(Push::Post(publish, "/pub?id=".into())),
        running: Running::Program(Program::start(command, scratch, listen, start.cores)?),
    }))
}
