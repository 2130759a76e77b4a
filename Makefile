# `make` alone lists what can be made.

.PHONY: portable help demo book shell dist test check runs bench soak bless fuzz mutants lab-%

help:
	@echo 'make demo     a lossy server, pinged ten times'
	@echo 'make shell    a shell with all programs built and found by their names, in a network of its own'
	@echo 'make book     sheets, answers, glossary and reference as HTML, in target/book; STUDENT=1 leaves the answers out'
	@echo 'make dist     archives for Linux and Windows that run without a compiler; STUDENT=1 leaves the answers out'
	@echo 'make test     everything: format, lints, tests, and every sheet executed'
	@echo 'make portable for Windows, under Wine, and types for macOS and FreeBSD; as root on Debian'
	@echo 'make check    the quick part of it: format and lints'
	@echo 'make runs     all tests, N=20 times, as root and as an ordinary user, some beside busy loops'
	@echo 'make lab-01   execute one sheet, and say where it is not true'
	@echo 'make bless    rewrite what the sheets quote, and redraw their pictures'
	@echo 'make soak     generated runs, a thousand services a second, manager and agents under faults; half an hour'
	@echo 'make bench    speed, beside minimal programs in C, and the link beside socat'
	@echo 'make mutants  small changes of the code, each to be noticed by a test; see CONTRIBUTING.md'
	@echo 'make fuzz     every parser for a minute, with cargo fuzz; see fuzz/README.md'

demo:
	@cargo run --bin demo

shell:
	@labs/shell

dist:
	@scripts/dist

# The folder is made anew, so that nothing of an older book stays in it.
book:
	@rm -rf target/book
	@cargo run --quiet --package book -- $(if $(STUDENT),--student) target/book

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet

test: check
	@scripts/peers
	@scripts/test

runs:
	@scripts/runs $(or $(N),20)

portable:
	@scripts/portable

lab-%:
	@scripts/lab $*

bless:
	cargo build --quiet --bins --examples
	BLESS=1 cargo test --quiet --test sheets sheet_
	BLESS=1 cargo test --quiet --test pictures

bench:
	cargo bench --quiet --bench udp_ping
	cargo bench --quiet --bench echo
	cargo bench --quiet --bench tcp_ping
	cargo bench --quiet --bench icmp_ping
	cargo bench --quiet --bench lossy_link

soak:
	GENERATED_SECONDS=120 cargo test --quiet --test generated -- --nocapture --test-threads 2
	cargo bench --quiet --package monitor --bench soak
	SOAK_SECONDS=300 SOAK_AGENTS=50 SOAK_KILLS=1000 SOAK_CROWD=500 SOAK_CROWD_SECONDS=60 \
		cargo test --quiet --package monitor --test agents -- --nocapture --test-threads 1

mutants:
	@scripts/mutants

# Without a sanitizer it needs no nightly toolchain, and safe Rust needs none.
fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'first: cargo install cargo-fuzz'; exit 2; }
	for target in fuzz/fuzz_targets/*.rs; do \
	    cargo fuzz run --sanitizer none "$$(basename "$$target" .rs)" -- \
	        -max_total_time=60 -max_len=512 || exit; \
	done
