//! Debian's Pushpin: a proxy that holds the streams which the source's answers ask it to hold, and is published to on its
//! control port.

use std::io;
use std::path::Path;
use std::process::Command;

use super::process::{Program, Scratch, free_address};
use super::{Missing, Running, Server, Start, Started};
use crate::fanout::source::Push;

const INTERNAL: &str = "/usr/lib/pushpin/internal.conf";

/// Starts it in front of the source, whose answers below `/grip/` ask to be held.
pub(crate) fn start(start: &Start<'_>) -> io::Result<Started> {
    if Command::new("pushpin").arg("--version").output().is_err() || !Path::new(INTERNAL).exists() {
        return Ok(Err(Missing("Pushpin is not installed: apt-get install pushpin".into())));
    }
    let scratch = Scratch::new()?;
    let (listen, control) = (free_address()?, free_address()?);
    let folder = scratch.path().display();
    let routes = scratch.write("routes", &format!("* {}\n", start.source))?;
    // What is not said here is as in the package's file. Its limits are meant to protect; here they would be measured.
    let text = format!(
        "[global]
include={INTERNAL}
rundir={folder}
ipc_prefix=p-
[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port={listen}
logdir={folder}
log_level=1
client_buffer_size=8192
client_maxconn=19000
condure_bin=condure
zurl_bin=zurl
[proxy]
routesfile={}
zurl_out_specs=ipc://{folder}/p-zurl-in
zurl_out_stream_specs=ipc://{folder}/p-zurl-in-stream
zurl_in_specs=ipc://{folder}/p-zurl-out
[handler]
push_in_spec=ipc://{folder}/p-push
push_in_sub_specs=ipc://{folder}/p-sub
push_in_http_addr={}
push_in_http_port={}
push_in_http_max_body_size=16000000
command_spec=ipc://{folder}/p-command
stats_spec=ipc://{folder}/p-stats
message_rate=1000000000
message_hwm=1000000000
",
        routes.display(),
        control.ip(),
        control.port()
    );
    let file = scratch.write("pushpin.conf", &text)?;
    let mut command = Command::new("pushpin");
    command.arg(format!("--config={}", file.display())).arg("--merge-output");
    Ok(Ok(Server {
        note: "four processes".into(),
        address: listen,
        target: "/grip/{}".into(),
        push: Some(Push::Pushpin(control)),
        running: Running::Program(Program::start(command, scratch, listen, start.cores)?),
    }))
}
