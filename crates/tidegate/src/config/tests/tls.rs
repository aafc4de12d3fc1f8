//! The files of `[tls]`: what is accepted, and everything that can be wrong with them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, KeyPair};
use tidegate_testkit::pem;

use super::super::*;
use super::{ORIGIN, ROUTE, check_top, unset};
use crate::config::kind::Section;

/// A folder with a configuration file that names `certificate.pem` and `key.pem`, removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        let folder = Self(path);
        let line = |setting: &Setting| format!("{} = {}\n", setting.key, setting.example);
        let lines: String = Section::Tls.settings().map(line).collect();
        folder.write("t.toml", format!("[tls]\n{lines}{ORIGIN}{ROUTE}"));
        folder
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    pub(super) fn load(&self) -> Result<Config, Vec<ConfigError>> {
        Config::load(&self.0.join("t.toml"), &unset)
    }

    /// The errors, one line each, without the folder.
    pub(super) fn errors(&self) -> Vec<String> {
        let prefix = format!("{}/", self.0.display());
        let errors = self.load().err().unwrap_or_default();
        errors.iter().map(|e| format!("{} {}", e.place, e.problem.message()).replace(&prefix, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate signed by its own key, both as PEM.
pub(super) fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der()))
}

#[test]
fn a_pair_that_belongs_together() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    folder.write("certificate.pem", format!("of localhost\n{certificate}{}", pair().0));
    folder.write("key.pem", &key);
    let config = folder.load().unwrap_or_else(|errors| panic!("{}", render(&errors)));
    let tls = config.tls.as_ref().unwrap();
    assert_eq!((config.scheme(), tls.material.cert.len()), ("https", 2));
    assert_eq!((&**tls.certificate, &**tls.key), ("certificate.pem", "key.pem"));
    assert!(tls.validity.from < tls.validity.until);
    assert_eq!(config, folder.load().unwrap());
    // Whatever is printed of it, the key is not.
    let printed = format!("{config:?}{}", crate::check::summary(&config));
    assert!(printed.contains("key.pem") && !printed.contains(key.lines().nth(1).unwrap()));
    // Other text, and both in one file, are as good.
    folder.write("key.pem", format!("{certificate}{key}"));
    assert!(folder.load().is_ok());
}

#[test]
fn a_certificate_that_is_not_valid_now_is_a_warning() {
    let folder = Folder::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 2);
    params.not_after = rcgen::date_time_ymd(2020, 3, 4);
    folder.write("certificate.pem", pem("CERTIFICATE", params.self_signed(&key).unwrap().der()));
    folder.write("key.pem", pem("PRIVATE KEY", &key.serialize_der()));
    let tls = folder.load().unwrap().tls.unwrap();
    let said = |text: &str| format!("the certificate in \"certificate.pem\" {text}: clients do not trust it");
    let check = |now: &str, expected: Option<&str>| {
        assert_eq!(tls.problem_at(now.parse().unwrap(), "clients do"), expected.map(said), "{now}");
    };
    check("2020-01-01T23:59:59Z", Some("is valid only from 2020-01-02 00:00:00 UTC on"));
    check("2020-01-02T00:00:00Z", None);
    check("2020-03-04T00:00:00Z", None);
    check("2020-03-04T00:00:01Z", Some("expired on 2020-03-04 00:00:00 UTC"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = crate::check::run(&folder.0.join("t.toml"), &unset, &mut out, &mut err).unwrap();
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
    assert_eq!(code, crate::check::EXIT_RIGHT);
    assert!(out.contains("until 2020-03-04 00:00:00 UTC.\n"), "{out}");
    assert_eq!(err, format!("warning: {}\n", said("expired on 2020-03-04 00:00:00 UTC")));
}

#[test]
fn without_the_table_there_is_none() {
    let config = super::parse(&format!("{ORIGIN}{ROUTE}")).unwrap();
    assert_eq!((config.tls.is_none(), config.scheme()), (true, "http"));
    check_top("tls = true\n", &["t:1:7 `tls` is a boolean, expected a table"]);
    check_top("[tls]\n", &["t:1:1 [tls] has no `certificate`", "t:1:1 [tls] has no `key`"]);
    check_top(
        "[tls]\ncertificate = 1\nkey = \"\"\ncert = \"c\"\n",
        &[
            "t:2:15 `certificate` is an integer, expected the path of a file as a string",
            "t:3:7 `key`: \"\" is not the path of a file",
            "t:4:1 unknown key `cert` in [tls]",
        ],
    );
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let folder = Folder::new();
    let (certificate, key) = pair();
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(
        folder.errors(),
        [
            format!("t.toml:2:15 `certificate`: \"certificate.pem\" {missing}"),
            format!("t.toml:3:7 `key`: \"key.pem\" {missing}"),
        ]
    );
    let check = |found: &[u8], certificate_is: &str, key_is: &str| {
        let shown = String::from_utf8_lossy(found).chars().take(60).collect::<String>();
        folder.write("certificate.pem", found);
        folder.write("key.pem", &key);
        let expected = format!("t.toml:2:15 `certificate`: \"certificate.pem\" {certificate_is}");
        assert_eq!(folder.errors(), [expected], "{shown}");
        folder.write("certificate.pem", &certificate);
        folder.write("key.pem", found);
        assert_eq!(folder.errors(), [format!("t.toml:3:7 `key`: \"key.pem\" {key_is}")], "{shown}");
    };
    let (no_certificate, no_key) = ("holds no certificate in PEM form", "holds no private key in PEM form");
    check(b"", no_certificate, no_key);
    check(b"\x30\x82\x01\x00\xff", no_certificate, no_key);
    check(pem("CERTIFICATE REQUEST", b"x").as_bytes(), no_certificate, no_key);
    let broken = "is not in PEM form: a section of it is broken";
    check(b"-----BEGIN CERTIFICATE-----\nAAAA\n", broken, broken);
    check(b"-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----\n", broken, broken);
    check(&vec![b' '; (1 << 20) + 1], "is larger than 1 MiB", "is larger than 1 MiB");
    let both = [pem("CERTIFICATE", b"x"), pem("PRIVATE KEY", b"x")].concat();
    check(
        both.as_bytes(),
        "holds a certificate, number 1, that cannot be understood",
        "holds a key of no kind that can be used",
    );
    check(
        [&certificate, &*pem("CERTIFICATE", b"x"), &*pem("EC PRIVATE KEY", b"x")].concat().as_bytes(),
        "holds a certificate, number 2, that cannot be understood",
        "holds a key of no kind that can be used",
    );
    let encrypted = "holds an encrypted key";
    check(pem("ENCRYPTED PRIVATE KEY", b"x").as_bytes(), no_certificate, encrypted);
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    folder.write("key.pem", old);
    assert_eq!(folder.errors(), [format!("t.toml:3:7 `key`: \"key.pem\" {encrypted}")]);
    // What is no file is not waited for.
    std::fs::remove_file(folder.0.join("key.pem")).unwrap();
    std::fs::create_dir(folder.0.join("key.pem")).unwrap();
    assert_eq!(folder.errors(), ["t.toml:3:7 `key`: \"key.pem\" is not a file"]);
}

#[test]
fn a_key_of_another_certificate() {
    let folder = Folder::new();
    let ((first, _), (second, key)) = (pair(), pair());
    folder.write("key.pem", key);
    folder.write("certificate.pem", &first);
    assert_eq!(
        folder.errors(),
        ["t.toml:3:7 `key`: \"key.pem\" does not belong to the certificate in \"certificate.pem\""]
    );
    folder.write("certificate.pem", [first, second].concat());
    assert_eq!(
        folder.errors(),
        ["t.toml:3:7 `key`: \"key.pem\" belongs to certificate number 2 in \"certificate.pem\""]
    );
    let help = folder.load().unwrap_err()[0].problem.help();
    assert_eq!(help, "put the server's own certificate first, and after it those that lead to the root");
}
