package desk

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestPageInABrowser(t *testing.T) {
	openTab := startChromium(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, opener)
	}{
		{"shows what was read", pageShowsReads},
		{"is worked with simulated readers", pageTraining},
		{"does not keep a person", pagePersonDoesNotStay},
		{"asks what a card needs", pageAsks},
		{"reconnects", pageReconnects},
		{"is closed to foreign pages", pageForeignPage},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, openTab) })
	}
}

// deskServer runs a desk on a loopback listener.
func deskServer(t *testing.T, c Config) (*Desk, string) {
	t.Helper()
	d := New(c)
	server := httptest.NewServer(d.Handler())
	t.Cleanup(func() {
		d.Close()
		server.Close()
	})
	return d, server.URL
}

func pageShowsReads(t *testing.T, openTab opener) {
	since := time.Now().Add(-26 * time.Hour)
	status := Status{Product: "cardferry", Version: "1.0.0", Role: "all",
		Queue:    Queue{Depth: map[string]int{"express": 2, "live": 128, "backfill": 0}, Parked: 1, OldestAgeSeconds: 93784},
		Upstream: Upstream{Kind: "fhir", State: UpstreamDown, LastSuccess: since, Code: "connection_refused"},
		Health:   []Condition{{Code: "queue_disk_low", Severity: SeverityWarning, Since: since}, {Code: "driver_usb", Severity: SeverityError, Since: since}}}
	d, url := deskServer(t, Config{Name: "reg-03", Status: func() Status { return status }})
	idReader := drivers.Reader{Name: "usb-0400:c35a-2201", Driver: "serial", Kind: drivers.KindIDCard}
	scanner := drivers.Reader{Name: "honeywell-1950g-17", Driver: "serial", Kind: drivers.KindScanner}
	for _, r := range []drivers.Reader{slot, idReader, scanner} {
		d.Publish(drivers.Event{Type: drivers.Attached, Reader: r})
	}
	b := openTab(t, "zh-CN")

	b.do(t, chromedp.Navigate(url))
	b.wantText(t, "#link", "已连接")
	b.wantText(t, "#result", "请出示卡、证件或二维码")
	b.wantText(t, "#readers", "IC 卡读卡器", "就绪", idReader.Name)
	b.wantText(t, "#platform", "平台暂时连不上", "130 条等待发送", "最早的已等待 1 天 2 小时", "1 条被平台退回", "磁盘空间不足", "读卡器驱动 usb 不能工作")
	b.picture(t, "idle-zh")

	d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	b.wantText(t, "#result", "正在读取")
	b.picture(t, "reading-zh")
	read := aRead()
	publishRead(d, read)
	b.wantText(t, "#name", markerName)
	b.wantText(t, "#result", "女", "1949年12月31日", "110105 19491231 002X", "社会保障卡", "芯片读取", markerPayor, "有效期至 2039年6月30日")
	b.wantText(t, "#announce", "已读取：卓测试，女，1949年12月31日")
	b.picture(t, "person-zh")

	b.do(t, chromedp.Click(`[data-language="en"]`))
	b.wantText(t, "#result", markerName, "Female", "1949-12-31", "Social security card", "Read from chip", "valid until 2039-06-30")
	b.wantText(t, "#platform", "Platform cannot be reached", "The oldest has waited 1 d 2 h")
	b.picture(t, "person-en")
	b.do(t, chromedp.Reload())
	b.wantText(t, "#name", markerName) // the card is still in the reader
	b.do(t, chromedp.Click(`[data-language="zh-CN"]`))

	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})
	b.wantText(t, "#removed", "卡已取走")
	b.picture(t, "removed-zh")
	b.wantText(t, "#result h2", "卡已取走")
	text := evaluate[string](t, b, `document.documentElement.outerHTML`)
	for _, marker := range []string{markerName, markerCard, "110105"} {
		if strings.Contains(text, marker) {
			t.Errorf("%q is still in the page after the card was removed", marker)
		}
	}

	publishRead(d, drivers.Read{ID: drivers.NewReadID(), Time: time.Now(), Reader: slot.Name, Medium: drivers.MediumUnknown,
		Extras: map[string]any{"atr": strayATR}, Warnings: []drivers.Warning{{Code: "card_unknown"}}})
	b.wantText(t, "#result", "不认识这种卡", "信息科")
	b.wantText(t, "#atr", "3B 68 00 00 00 73 C8 40 12 00 90 00")
	b.picture(t, "unknown-card-zh")
	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})

	code := aRead()
	code.Medium, code.Patient, code.Coverage = drivers.MediumUnknown, nil, nil
	code.Warnings = []drivers.Warning{{Code: "payment_code"}}
	d.Publish(drivers.Event{Type: drivers.Completed, Time: code.Time, Reader: scanner, Read: &code})
	b.wantText(t, "#result", "这是付款码")
	code.Warnings, code.Medium, code.ID = []drivers.Warning{{Code: "needs_online"}}, "cn-ehc-qr", drivers.NewReadID()
	code.Patient = &r4.Patient{ResourceType: "Patient", Identifier: []r4.Identifier{{Value: strings.Repeat("0A", 32)}}}
	d.Publish(drivers.Event{Type: drivers.Completed, Time: code.Time, Reader: scanner, Read: &code})
	b.wantText(t, "#result", "这个码要联网核实")
	b.picture(t, "payment-code-zh")
	locked := aRead()
	locked.Medium, locked.Patient, locked.Coverage, locked.Assurance = "tw-nhi", nil, nil, drivers.UIDOnly
	locked.Warnings = []drivers.Warning{{Code: "needs_pin"}}
	publishRead(d, locked)
	b.wantText(t, "#result", "这张卡在这里打不开", "须持卡人输入密码")
	b.wantText(t, "#medium", "健保卡")
	b.picture(t, "locked-card-zh")
	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})

	d.Publish(drivers.Event{Type: drivers.Faulted, Time: time.Now(), Reader: idReader, Fault: &drivers.Fault{Code: drivers.FaultUnresponsive, Detail: "SW 0x9F 0x21"}})
	d.Publish(drivers.Event{Type: drivers.Faulted, Time: time.Now(), Reader: drivers.Reader{Driver: "pcsc"}, Fault: &drivers.Fault{Code: drivers.FaultServiceDown}})
	b.wantText(t, `[role="alert"]`, "卡没有反应", "擦净芯片", "智能卡服务没有响应")
	b.wantText(t, "#readers", "有问题")
	weak := aRead()
	weak.Assurance, weak.Partial, weak.Coverage = drivers.UIDOnly, true, nil
	weak.Extras = map[string]any{"card-expires": "2025-05-31"}
	weak.Warnings = []drivers.Warning{{Code: "lossy_text", Field: "name"}, {Code: "check_digit", Field: "identifier"}, {Code: "odd_thing", Field: "x1"}}
	publishRead(d, weak)
	b.wantText(t, "#warnings", "以下信息不完整", "证件已过有效期", "有的字无法正确显示，请对照卡面核对（姓名）", "校验位不符", "odd_thing x1")
	b.picture(t, "warnings-and-faults-zh")
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: idReader})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: drivers.Reader{Name: "pcsc-2", Driver: "pcsc", Kind: drivers.KindSmartcard}})
	b.wantGone(t, ".alert")

	if said := b.said(); len(said) != 0 {
		t.Errorf("console: %v", said)
	}
}

// pageAsks: a card that opens with a printed number is asked for at the desk, once, and what
// was typed stays nowhere.
func pageAsks(t *testing.T, openTab opener) {
	d, url := deskServer(t, Config{Name: "reg-03"})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	b := openTab(t, "zh-CN")
	b.do(t, chromedp.Navigate(url))
	b.wantText(t, "#link", "已连接")
	d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})

	type end struct {
		answer string
		err    error
	}
	ask := func(kind string, length int) chan end {
		ended := make(chan end, 1)
		go func() {
			answer, err := d.Ask(t.Context(), Prompt{Reader: slot.Name, Kind: kind, MaxLength: length})
			ended <- end{answer, err}
		}()
		return ended
	}
	ended := ask("can", 6)
	b.wantText(t, "#prompt", "六位数字", "读卡器上")
	b.do(t, chromedp.Click(`[data-language="en"]`))
	b.wantText(t, "#prompt", "six digits", "Go on without the chip")
	b.picture(t, "prompt-en")
	b.do(t, chromedp.SendKeys("#prompt-answer", "123456\r"))
	if got := <-ended; got.answer != "123456" || got.err != nil {
		t.Errorf("answered %q, %v", got.answer, got.err)
	}
	b.wantHidden(t, "#prompt")
	if text := evaluate[string](t, b, `document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(i => i.value).join()`); strings.Contains(text, "123456") {
		t.Error("what was typed stayed in the page")
	}

	ended = ask("mrz", 100)
	b.wantText(t, "#prompt", "machine-readable lines")
	b.do(t, chromedp.Click("#prompt .without"))
	if got := <-ended; !errors.Is(got.err, ErrPromptDeclined) {
		t.Errorf("declined as %v", got.err)
	}
	b.wantHidden(t, "#prompt")
}

func pageTraining(t *testing.T, openTab opener) {
	sim := &bench{}
	d, url := deskServer(t, Config{Name: "reg-03", Simulator: sim, Status: func() Status {
		return Status{Product: "cardferry", Version: "1.0.0", Role: "all", Upstream: Upstream{Kind: "none", State: UpstreamOff}}
	}})
	sim.desk = d
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: simSlot})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: simScanner})
	b := openTab(t, "en-GB")
	b.do(t, chromedp.Navigate(url))
	b.wantText(t, "#simulator", "Simulated readers (training)", "社会保障卡 · 卓测试", "电子健康卡二维码")
	b.wantText(t, "#readers", "Simulated")

	// Keyboard only.
	b.do(t, chromedp.Focus(`[data-use="sim-slot/ssc"]`), chromedp.KeyEvent("\r"))
	b.wantText(t, "#simulated", "Simulated data, not a real patient")
	b.wantText(t, "#name", markerName)
	b.wantText(t, "#announce", "Simulated data.")
	b.picture(t, "simulated-en")
	if focused := evaluate[string](t, b, `document.activeElement.getAttribute('data-use')`); focused != "sim-slot/ssc" {
		t.Errorf("focus went to %q", focused)
	}
	b.do(t, chromedp.EmulateViewport(420, 900))
	b.picture(t, "simulated-narrow-en")
	b.do(t, chromedp.EmulateViewport(1280, 860))
	b.do(t, chromedp.Focus(`[data-use="sim-slot/"]`), chromedp.KeyEvent("\r"))
	b.wantText(t, "#removed", "Card removed")
	b.do(t, chromedp.Click(`[data-use="sim-slot/stray"]`))
	b.wantText(t, "#result", "This kind of card is not known", "Simulated data")
	b.picture(t, "simulated-unknown-en")

	// Sizes of what is pressed, WCAG 2.2 success criterion 2.5.8 and more.
	small := evaluate[[]string](t, b, `Array.from(document.querySelectorAll('button')).filter((e) => {
		const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44; }).map((e) => e.textContent)`)
	if len(small) != 0 {
		t.Errorf("smaller than 44 px: %v", small)
	}
	if said := b.said(); len(said) != 0 {
		t.Errorf("console: %v", said)
	}
}

// pagePersonDoesNotStay runs the page with its time limits cut to a twentieth: a
// person goes after a minute at the latest, and a card that was only held on for
// a moment is shown all the same.
func pagePersonDoesNotStay(t *testing.T, openTab opener) {
	d, url := deskServer(t, Config{})
	b := openTab(t, "zh-CN")
	b.do(t, command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `const real = window.setTimeout; window.setTimeout = (f, ms) => real(f, ms === 8000 || ms === 60000 ? ms / 20 : ms);`,
	}), chromedp.Navigate(url))
	b.wantText(t, "#link", "已连接")
	wantNobody := func() {
		t.Helper()
		text := evaluate[string](t, b, `document.documentElement.outerHTML`)
		for _, marker := range []string{markerName, markerCard, "110105", "1949"} {
			if strings.Contains(text, marker) {
				t.Errorf("%q is still in the page", marker)
			}
		}
	}

	publishRead(d, aRead())
	b.wantText(t, "#name", markerName)
	b.wantText(t, "#result", "资料已从屏幕清除", "卡还在读卡器里")
	wantNobody()
	b.picture(t, "cleared-zh")
	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})
	b.wantText(t, "#result", "卡已取走")

	scan := aRead()
	scanner := drivers.Reader{Name: "scan-1", Driver: "serial", Kind: drivers.KindScanner}
	d.Publish(drivers.Event{Type: drivers.Completed, Time: scan.Time, Reader: scanner, Read: &scan})
	b.wantText(t, "#name", markerName)
	b.wantText(t, "#result", "资料已从屏幕清除")
	if text := evaluate[string](t, b, `document.querySelector('#result').textContent`); strings.Contains(text, "卡还在") {
		t.Errorf("a scanner holds no card: %s", text)
	}
	wantNobody()

	tap := aRead()
	d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	publishRead(d, tap)
	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})
	b.wantText(t, "#result", markerName, "资料即将从屏幕清除")
	b.wantText(t, "#result", "请出示卡、证件或二维码")
	wantNobody()

	publishRead(d, aRead())
	b.wantText(t, "#name", markerName)
	d.Publish(drivers.Event{Type: drivers.Presented, Reader: scanner})
	b.wantText(t, "#result", "正在读取") // the next card ends the one before
	wantNobody()
}

// pageReconnects ends the service under the page and starts it again.
func pageReconnects(t *testing.T, openTab opener) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	serve := func(l net.Listener) (*Desk, func()) {
		d := New(Config{})
		server := &http.Server{Handler: d.Handler(), ReadHeaderTimeout: time.Minute}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = server.Serve(l)
		}()
		return d, func() {
			d.Close()
			_ = server.Close()
			<-done
		}
	}
	d, stop := serve(listener)
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	b := openTab(t, "zh-CN")
	b.do(t, chromedp.Navigate("http://"+address))
	b.wantText(t, "#link", "已连接")
	publishRead(d, aRead())
	b.wantText(t, "#name", markerName)
	stop()
	b.wantText(t, "#link", "连接已断开")
	b.wantText(t, `[role="alert"]`, "正在自动重连")
	b.picture(t, "disconnected-zh")
	listener, err = net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	d, stop = serve(listener)
	defer stop()
	b.wantText(t, "#link", "已连接")
	b.wantText(t, `[role="alert"]`, "请重新刷卡") // the gap is told
	b.wantText(t, "#result h2", "卡已取走")      // nobody vouches for the card any more
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	b.wantGone(t, ".alert")
}

// pageForeignPage opens a page of another origin that tries every way
// into the desk that a page has.
func pageForeignPage(t *testing.T, openTab opener) {
	his := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>HIS</title>"))
	}))
	t.Cleanup(his.Close)
	evil := strings.Replace(his.URL, "127.0.0.1", "localhost", 1)
	sim := &bench{}
	d, url := deskServer(t, Config{Origins: []string{his.URL}, Simulator: sim})
	read := aRead()
	publishRead(d, read)
	const attack = `(async () => {
		const url = %q, id = %q;
		const tries = {
			fetch: () => fetch(url + '/v1/reads/' + id).then((r) => r.text()),
			poll: () => fetch(url + '/v1/reads/next?wait=0s&after=0').then((r) => r.text()),
			post: () => fetch(url + '/v1/simulator/remove', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"reader":"sim-slot"}'}).then((r) => r.text()),
			stream: () => new Promise((yes, no) => { const s = new EventSource(url + '/v1/events?after=0');
				s.onmessage = (m) => { s.close(); yes(m.data); }; s.onerror = () => { s.close(); no(); }; }),
			script: () => new Promise((yes, no) => { const e = document.createElement('script'); e.src = url + '/v1/reads/' + id;
				e.onload = () => yes('loaded'); e.onerror = no; document.head.appendChild(e); }),
			image: () => new Promise((yes, no) => { const e = new Image(); e.src = url + '/page/icon.svg';
				e.onload = () => yes('loaded'); e.onerror = no; }),
			blind: () => fetch(url + '/v1/simulator/remove', {method: 'POST', mode: 'no-cors', body: '{"reader":"sim-slot"}'}).then((r) => r.text()),
		};
		const got = {};
		for (const name of Object.keys(tries)) {
			try { got[name] = await tries[name](); } catch (e) { got[name] = ''; }
		}
		return got;
	})()`
	b := openTab(t, "zh-CN")
	for _, c := range []struct {
		name, page string
		may        []string
	}{
		{"foreign page", evil, nil},
		{"listed page", his.URL, []string{"fetch", "poll", "post", "stream"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim.used = nil
			b.do(t, chromedp.Navigate(c.page))
			got := evaluate[map[string]string](t, b, fmt.Sprintf(attack, url, read.ID))
			for way, text := range got {
				allowed := false
				for _, m := range c.may {
					allowed = allowed || m == way
				}
				if allowed != (text != "") {
					t.Errorf("%s: %q", way, text)
				}
			}
			if len(got) != 7 || len(sim.used) != len(c.may)/4 {
				t.Errorf("%d ways tried, simulator used %v", len(got), sim.used)
			}
		})
	}
}
