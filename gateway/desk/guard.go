package desk

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// guard decides from a request's headers alone whether it may go on. It is what
// stands between a web page in the clerk's browser and the readers.
type guard struct {
	hosts   []string // lower case, IPv6 without brackets
	origins []string // as a browser serialises them
	logger  *slog.Logger
	refused *rate.Sometimes // a hostile page must not flood the log
}

func newGuard(hosts, origins []string, logger *slog.Logger) guard {
	g := guard{
		hosts:   []string{"127.0.0.1", "::1", "localhost"},
		logger:  logger,
		refused: &rate.Sometimes{First: 5, Interval: 10 * time.Second},
	}
	for _, host := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.Trim(host, "[]")))
	}
	for _, origin := range origins {
		if !isOrigin(origin) {
			logger.Error("desk origin is not of the form https://host[:port] and allows nothing", "origin", origin)
			continue
		}
		g.origins = append(g.origins, origin)
	}
	return g
}

// isOrigin reports whether s is a tuple origin in the form a browser sends it
// (RFC 6454 section 6.2).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		s == strings.ToLower(u.Scheme+"://"+u.Host)
}

// pass checks Host, Origin and Sec-Fetch-Site in this order. navigable says that
// a person may arrive at the route by a link. It returns the listed foreign
// origin the answer is for, or "" for the desk's own page and for programs.
func (g guard) pass(r *http.Request, navigable bool) (origin string, err error) {
	origin, code := g.check(r, navigable)
	if code == "" {
		return origin, nil
	}
	g.refused.Do(func() {
		g.logger.Warn("desk request refused", "code", code, "method", r.Method,
			"host", clip(r.Host), "origin", clip(r.Header.Get("Origin")), "site", clip(r.Header.Get("Sec-Fetch-Site")))
	})
	return "", problem(code)
}

func (g guard) check(r *http.Request, navigable bool) (origin string, refusal problemCode) {
	if !g.knows(r.Host) {
		return "", codeHostNotAllowed
	}
	own := false
	switch origins := r.Header["Origin"]; {
	case len(origins) == 0:
	case len(origins) > 1:
		return "", codeOriginNotAllowed
	case origins[0] == ownOrigin(r):
		own = true
	case slices.Contains(g.origins, origins[0]):
		origin = origins[0]
	default: // "null" is here too: sandboxed frames and file: pages share it
		return "", codeOriginNotAllowed
	}
	if !plausibleSite(r, own, origin != "", navigable) {
		return "", codeCrossSiteRefused
	}
	return origin, ""
}

// knows reports whether the Host header, RFC 9112 section 3.2, names this desk.
func (g guard) knows(host string) bool {
	u, err := url.Parse("//" + host)
	if err != nil || u.Host != host || u.User != nil {
		return false
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil && u.Port() != "" {
		return false
	}
	name := strings.ToLower(u.Hostname())
	bracketed := strings.HasPrefix(host, "[")
	return bracketed == strings.Contains(name, ":") && slices.Contains(g.hosts, name)
}

// ownOrigin is the origin of a page that was loaded from this listener. The
// Host header is checked before.
func ownOrigin(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + strings.ToLower(r.Host)
}

// plausibleSite checks Sec-Fetch-Site (W3C Fetch Metadata) against the Origin.
// It is what catches the requests a foreign page can make without an Origin:
// images, scripts, frames and links. Browsers before 2020 do not send it.
func plausibleSite(r *http.Request, own, listed, navigable bool) bool {
	sites := r.Header["Sec-Fetch-Site"]
	if len(sites) == 0 {
		return true
	}
	if len(sites) > 1 {
		return false
	}
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch sites[0] {
	case "same-origin":
		return !listed
	case "none": // typed, or a bookmark
		return !own && !listed && reading
	case "same-site", "cross-site":
		if own {
			return false
		}
		link := navigable && reading && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		return listed || link
	default:
		return false
	}
}

// maxLogged is how much of a header goes into the log.
const maxLogged = 128

func clip(s string) string { return s[:min(len(s), maxLogged)] }

// secure sets the headers that every answer carries, whatever it is.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Vary", "Origin, Accept-Language")
}

// preflightAge is how long a browser may remember a preflight, in seconds.
const preflightAge = "600"

// preflight answers an OPTIONS request for a resource with those methods
// (WHATWG Fetch section 4.8, and the Private Network Access draft that some
// Chromium versions ask by). The guard has already named a listed origin.
func preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	h.Set("Allow", methods)
	if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
		h.Set("Access-Control-Max-Age", preflightAge)
		if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
