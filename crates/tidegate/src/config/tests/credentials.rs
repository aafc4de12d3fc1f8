//! What the gateway sends of its own: where it comes from, what is refused, and that it is never shown.

use super::*;

fn secrets(name: &str) -> Option<String> {
    (name == "KEY").then(|| String::from("zq9secret"))
}

fn origin(lines: &str) -> String {
    format!("{ORIGIN}{lines}\n{ROUTE}")
}

#[test]
fn secrets_come_from_the_environment_and_from_files() {
    let folder = std::env::temp_dir().join(format!("tidegate-credentials-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), "zq9file\n").unwrap();
    let text = origin(
        "headers = { \"X-Api-Key\" = \"${KEY}\", Authorization = \"Bearer ${file:secret}\", X-Plain = \"zq9plain\" }\n\
         oauth2_token_url = \"https://id.test/token\"\noauth2_client_id = \"me\"\n\
         oauth2_client_secret = \"${file:secret}\"\noauth2_scope = \"read\"",
    );
    std::fs::write(folder.join("tidegate.toml"), &text).unwrap();
    let config =
        Config::load(&folder.join("tidegate.toml"), &secrets).unwrap_or_else(|e| panic!("{}", render(&e)));
    let CredentialConfig { headers, oauth2 } = &config.origins[0].credentials;
    let held: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        held,
        [("x-api-key", "zq9secret"), ("authorization", "Bearer zq9file"), ("x-plain", "zq9plain")]
    );
    let oauth2 = oauth2.as_ref().unwrap();
    assert_eq!((oauth2.client_secret.reveal(), &**oauth2.scope), ("zq9file", "read"));
    let mut out = Vec::new();
    let code = crate::check::run(&folder.join("tidegate.toml"), &secrets, &mut out, &mut Vec::new()).unwrap();
    assert_eq!(code, 0);
    let shown = format!("{config:?} {config:#?} {}", String::from_utf8(out).unwrap());
    assert!(!shown.contains("zq9"), "{shown}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_wrong_with_credentials() {
    let check = |lines: &str, expected: &[&str]| {
        assert_eq!(errors(&origin(lines), &secrets), expected, "{lines}");
    };
    for name in ["Host", "content-length", "Connection", "If-None-Match", "Range", "X-Forwarded-For", "TE"] {
        let message = format!("t:4:13 `headers`: \"{name}\" is made by the gateway for each request");
        check(&format!("headers = {{ {name} = \"a\" }}"), &[&message]);
    }
    check(
        "headers = { \"X Key\" = \"${KEY}\" }",
        &["t:4:13 `headers`: \"X Key\" is not a header field name"],
    );
    check(
        "headers = { X = 1 }",
        &["t:4:17 `headers` is an integer, expected a table of header field names with strings"],
    );
    check(
        "headers = { X = \"${KEY}\\n\" }",
        &["t:4:17 `headers`: \"${KEY}\u{fffd}\" is not what a header field can hold"],
    );
    check(
        "headers = { X = \"${file:no/such}\" }",
        &["t:4:18 the file \"no/such\" cannot be used: No such file or directory (os error 2)"],
    );
    check("oauth2_scope = \"read\"", &["t:4:1 `oauth2_scope` needs `oauth2_token_url` beside it"]);
    check(
        "oauth2_token_url = \"http://id.test\"\noauth2_client_id = \"me\"",
        &["t:4:20 `oauth2_token_url` needs `oauth2_client_secret` beside it"],
    );
    check(
        "oauth2_token_url = \"http://id.test\"\noauth2_client_id = \"me\"\noauth2_client_secret = \"${UNSET:-}\"",
        &["t:4:20 `oauth2_token_url` needs `oauth2_client_secret` beside it"],
    );
    check(
        "oauth2_token_url = \"ftp://id.test\"",
        &["t:4:20 `oauth2_token_url`: \"ftp://id.test\" is not an http or https URL"],
    );
}
