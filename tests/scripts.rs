//! The scripts that run all tests leave the machine as it was.

mod common;

use common::{alone, skip};

#[test]
fn a_run_as_another_user_that_is_ended_leaves_no_user_folder_or_process() {
    let test = "a_run_as_another_user_that_is_ended_leaves_no_user_folder_or_process";
    if !nix::unistd::geteuid().is_root() {
        return skip(test, "only root can make a user");
    }
    // Users, homes and mail of the test's own; and in the place of all tests one
    // script, whose children go their own ways.
    let tree = env!("CARGO_MANIFEST_DIR");
    let inside = format!(
        r##"
        cp -a /etc etc && rm -f etc/*.lock && mount --bind etc /etc && mount -t tmpfs tmpfs /home &&
            mount -t tmpfs tmpfs /var/mail || exit 98
        mkdir -p tree/scripts tree/target && cp {tree}/scripts/test-as-user tree/scripts || exit 98
        printf "%s\n" "#!/bin/sh" "setsid sleep 4242424 &" "echo ready as \$(id -un)" \
            "sleep 4242424" >tree/scripts/test
        chmod +x tree/scripts/test
        tree/scripts/test-as-user >said 2>&1 & run=$!
        until grep -q "ready as socklab" said; do kill -0 $run || {{ cat said; exit 97; }}; sleep 0.05; done
        until [ $(ps -C sleep -o args= | grep -c 4242424) = 2 ]; do sleep 0.05; done
        echo before: $(ls /home | wc -l) homes
        kill $run; wait $run; echo status $?
        echo after: $(ps -C sleep -o args= | grep -c 4242424) processes, $(ls /home | wc -l) homes, \
            $(grep -c "^$(sed -n "s/^ready as //p" said):" /etc/passwd) users
        "##
    );
    let script = format!(
        "folder=$(mktemp -d); chmod 755 $folder; cd $folder; \
         unshare -m sh -c '{inside}'; status=$?; cd /; rm -r $folder; exit $status"
    );
    let tools = ["mount", "bash", "useradd", "setpriv", "tar", "ps", "rustc"];
    let Some(said) = alone(test, &tools, &script) else { return };
    assert!(said.contains("before: 1 homes"), "{said}");
    assert!(said.contains("status 130"), "{said}");
    assert!(said.contains("after: 0 processes, 0 homes, 0 users"), "{said}");
}
