// Command hl7 measures this project's HL7 v2 codec and others on the same bytes in
// the same run, and prints one table. run.sh installs the peers and starts it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"cardferry/hl7"
)

// measurement is one line a peer prints for one corpus.
type measurement struct {
	Peer     string  `json:"peer"`
	Corpus   string  `json:"corpus"`
	Messages int     `json:"messages"` // handled in Seconds
	Bytes    int     `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	Lossless string  `json:"lossless"` // yes, "but the end" (trailing line ends differ), no
	Error    string  `json:"error"`
	allocs   float64 // a message; ours only
}

func main() {
	here := flag.String("dir", ".", "directory of this program, with node/ installed")
	flag.Parse()
	if err := run(*here); err != nil {
		fmt.Fprintln(os.Stderr, "bench-hl7:", err)
		os.Exit(1)
	}
}

func run(here string) error {
	corpora := makeCorpora()
	tmp, err := os.MkdirTemp("", "bench-hl7-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := write(tmp, corpora); err != nil {
		return err
	}
	fmt.Printf("%s, %d CPUs, %s; one core each, parse and five reads\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	for _, c := range corpora {
		fmt.Printf("%-8s  %d messages, mean %d bytes; reads %s\n", c.name, len(c.messages), c.size()/len(c.messages), strings.Join(c.paths, " "))
	}
	all := ours(corpora)
	for _, p := range peers(here) {
		got, err := measure(p, tmp)
		if err != nil {
			fmt.Printf("left out: %s: %v\n", p.name, err)
			continue
		}
		all = append(all, got...)
	}
	fmt.Println("left out: Go codecs (kardianos/hl7, golevel7v2, go-hl7, simhospital): they could not be obtained")
	return table(all, corpora)
}

// peer is a program that measures one codec on the corpora of a directory.
type peer struct {
	name    string
	command []string
}

func peers(here string) []peer {
	var out []peer
	for _, p := range []string{"node-hl7-client", "simple-hl7", "hl7-standard", "hl7v2"} {
		out = append(out, peer{p, []string{"node", filepath.Join(here, "node", "peers.mjs"), p}})
	}
	// Debian's python3-hl7 belongs to Debian's Python.
	return append(out, peer{"python-hl7", []string{"/usr/bin/python3", filepath.Join(here, "peer.py")}})
}

func measure(p peer, dir string) ([]measurement, error) {
	cmd := exec.Command(p.command[0], append(slices.Clone(p.command[1:]), dir)...) //nolint:gosec // the peers of this directory
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		last := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, last[len(last)-1])
	}
	var all []measurement
	for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
		var m measurement
		if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// ours measures this project's codec: with five reads as the peers, and walking
// every component besides.
func ours(corpora []corpus) []measurement {
	runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(runtime.NumCPU())
	var all []measurement
	for _, c := range corpora {
		lossless := "yes"
		for _, raw := range c.messages {
			if m, err := hl7.Parse(raw, hl7.Options{}); err != nil || !bytes.Equal(m.Bytes(), raw) {
				lossless = "no"
			}
		}
		for _, w := range []struct {
			peer string
			read func(*hl7.Message)
		}{
			{"cardferry, values as sent", func(m *hl7.Message) {
				for _, p := range c.paths {
					if v, err := m.Get(p); err != nil || len(v.Raw()) == 0 {
						panic("a value is missing: " + p)
					}
				}
			}},
			{"cardferry, values as text", func(m *hl7.Message) {
				for _, p := range c.paths {
					if v, err := m.Get(p); err != nil || v.Text() == "" {
						panic("a value is missing: " + p)
					}
				}
			}},
			{"cardferry, every component", func(m *hl7.Message) {
				n := 0
				for _, v := range m.Leaves() {
					n += len(v.Raw())
				}
				if n == 0 {
					panic("nothing walked")
				}
			}},
		} {
			pass := func() {
				for _, raw := range c.messages {
					m, err := hl7.Parse(raw, hl7.Options{})
					if err != nil {
						panic(err)
					}
					w.read(m)
				}
			}
			pass()
			start, passes := time.Now(), 0
			for time.Since(start) < time.Second {
				pass()
				passes++
			}
			all = append(all, measurement{
				Peer: w.peer, Corpus: c.name, Messages: passes * len(c.messages), Bytes: passes * c.size(),
				Seconds: time.Since(start).Seconds(), Lossless: lossless,
				allocs: testing.AllocsPerRun(3, pass) / float64(len(c.messages)),
			})
		}
	}
	return all
}

func table(all []measurement, corpora []corpus) error {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "corpus\tcodec\tmsg/s\tMB/s\tus/msg\tallocs\tlossless")
	for _, c := range corpora {
		for _, m := range all {
			switch {
			case m.Corpus != c.name:
			case m.Error != "":
				_, _ = fmt.Fprintf(w, "%s\t%s\tfails: %s\t\t\t\t\n", m.Corpus, m.Peer, m.Error)
			default:
				rate := float64(m.Messages) / m.Seconds
				allocs := "-"
				if strings.HasPrefix(m.Peer, "cardferry") {
					allocs = fmt.Sprintf("%.1f", m.allocs)
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%.4g\t%.4g\t%.4g\t%s\t%s\n", m.Corpus, m.Peer, rate, float64(m.Bytes)/m.Seconds/1e6, 1e6/rate, allocs, m.Lossless)
			}
		}
	}
	return w.Flush()
}
