package code_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"cardferry/drivers/code"
	"cardferry/drivers/decode"
)

func TestSignedCodesAreCheckedWithTheSitesKeys(t *testing.T) {
	rules := shipped(t)
	ec, otherEC, rs, otherRS := ecKey(), ecKey(), rsaKey(), rsaKey()
	keys, err := decode.LoadKeys(fstest.MapFS{
		"smart-health-card.pem": {Data: publicPEM(ec)}, "eu-dcc.pem": {Data: publicPEM(ec)}, "aadhaar.pem": {Data: publicPEM(rs)},
	})
	if err != nil {
		t.Fatal(err)
	}
	with := rules.With(code.Options{Keys: keys})
	for _, c := range []struct {
		name, scan, forged, medium, family string
	}{
		{
			"SMART Health Card", smartHealthCard(ec, healthCardPayload("Muster")), smartHealthCard(otherEC, healthCardPayload("Muster")),
			"smart-health-card", "Muster",
		},
		{
			"EU certificate", digitalCovidCertificate(ec, certificateClaims("Muster")), digitalCovidCertificate(otherEC, certificateClaims("Muster")),
			"eu-dcc", "Muster",
		},
		{"Aadhaar", aadhaar(rs, "Anna Muster"), aadhaar(otherRS, "Anna Muster"), "in-aadhaar", "Anna Muster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, x := range []struct {
				name     string
				rules    *code.Rules
				scan     string
				warnings []string
				patient  bool
			}{
				{"key fits", with, c.scan, nil, true},
				{"no key", rules, c.scan, []string{"signature_unverified"}, true},
				{"forged", with, c.forged, []string{"signature_invalid"}, false},
			} {
				r := x.rules.Recognise([]byte(x.scan))
				if r.Medium != c.medium || !slices.Equal(warnings(r), x.warnings) || (r.Patient != nil) != x.patient {
					t.Fatalf("%s: medium %s, warnings %v, patient %t", x.name, r.Medium, warnings(r), r.Patient != nil)
				}
				if x.patient && r.Patient.Name[0].Family != c.family && r.Patient.Name[0].Text != c.family {
					t.Errorf("%s: another name", x.name)
				}
			}
		})
	}
	if r := rules.Recognise([]byte(smartHealthCard(ec, healthCardPayload("Muster")))); !slices.Equal(warnings(r), []string{"signature_unverified"}) {
		t.Error("With changed the rules it was called on")
	}
}

// What only its issuer can resolve is carried on whole and tells who resolves it.
func TestCodesForOnlineServicesAreCarriedOn(t *testing.T) {
	rules := shipped(t)
	resolvers := map[string]bool{}
	for _, s := range rules.Samples() {
		r := rules.Recognise(s.Scan)
		if !slices.Contains(warnings(r), "needs_online") {
			continue
		}
		resolver, _ := r.Extras["resolver"].(string)
		if sent, _ := r.Extras["code"].(string); resolver == "" || sent == "" || !strings.Contains(string(s.Scan), sent) && !strings.ContainsAny(string(s.Scan), "：１") {
			t.Errorf("%s, %s: resolver %q", s.Rule, s.Case, resolver)
		}
		resolvers[resolver] = true
		for _, text := range []string{r.String(), r.LogValue().String()} {
			if sent, _ := r.Extras["code"].(string); strings.Contains(text, sent) {
				t.Errorf("%s, %s: the log has the code", s.Rule, s.Case)
			}
		}
	}
	for _, want := range []string{"ehc", "nhsa-ec", "abdm", "smart-health-link", "token", "web-link"} {
		if !resolvers[want] {
			t.Errorf("no code goes to %s", want)
		}
	}
}

func TestRecogniseIsSafeForConcurrentUse(t *testing.T) {
	rules := shipped(t)
	samples := rules.Samples()
	var want []string
	for _, s := range samples {
		want = append(want, rules.Recognise(s.Scan).Profile)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, s := range samples {
				if got := rules.Recognise(s.Scan).Profile; got != want[i] {
					t.Errorf("%s, %s: %s", s.Rule, s.Case, got)
				}
			}
		})
	}
	wg.Wait()
}
