package desk

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// route is one resource and method of the desk. The table of them is the whole
// HTTP interface.
type route struct {
	method  string
	pattern string // net/http.ServeMux path pattern
	handle  func(http.ResponseWriter, *http.Request) error
}

// routes is the desk's HTTP interface.
func (d *Desk) routes() []route {
	table := []route{
		{method: http.MethodGet, pattern: "/v1/status", handle: d.getStatus},
		{method: http.MethodGet, pattern: "/v1/readers", handle: d.getReaders},
		{method: http.MethodGet, pattern: "/v1/reads/next", handle: d.nextReads},
		{method: http.MethodGet, pattern: "/v1/reads/{id}", handle: d.getRead},
		{method: http.MethodGet, pattern: "/v1/events", handle: d.streamEvents},
		{method: http.MethodGet, pattern: "/v1/prompts", handle: d.getPrompts},
		{method: http.MethodPost, pattern: "/v1/prompts/{id}", handle: d.answerPrompt},
		{method: http.MethodGet, pattern: "/v1/simulator", handle: d.getSimulator},
		{method: http.MethodPost, pattern: "/v1/simulator/insert", handle: d.simulateInsert},
		{method: http.MethodPost, pattern: "/v1/simulator/remove", handle: d.simulateRemove},
		{method: http.MethodPost, pattern: "/v1/simulator/scan", handle: d.simulateScan},
	}
	return append(table, pageRoutes()...)
}

// maxBody is the largest request body in bytes.
const maxBody = 16 << 10

// newHandler builds the handler: the guard, then one mux entry for each path,
// which knows its methods, and one for everything else.
func (d *Desk) newHandler() http.Handler {
	byPattern := make(map[string][]route)
	for _, r := range d.routes() {
		byPattern[r.pattern] = append(byPattern[r.pattern], r)
	}
	mux := http.NewServeMux()
	for pattern, routes := range byPattern {
		mux.Handle(pattern, d.resource(routes))
	}
	mux.Handle("/", d.resource(nil))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer d.recoverPanic(w, r)
		secure(w.Header())
		origin, err := d.guard.pass(r, r.URL.Path == pagePath)
		if err != nil {
			d.writeProblem(w, r, err)
			return
		}
		if origin != "" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
		}
		mux.ServeHTTP(w, r)
	})
}

// resource serves all methods of one path; without routes the path does not
// exist.
func (d *Desk) resource(routes []route) http.Handler {
	methods := make([]string, 0, len(routes)+2)
	for _, r := range routes {
		methods = append(methods, r.method)
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	allowed := strings.Join(append(methods, http.MethodOptions), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := dispatch(w, r, routes, allowed); err != nil {
			d.writeProblem(w, r, err)
		}
	})
}

// dispatch hands the request to the route of its method.
func dispatch(w http.ResponseWriter, r *http.Request, routes []route, allowed string) error {
	if len(routes) == 0 {
		return problem(codeNotFound)
	}
	if r.Method == http.MethodOptions {
		preflight(w, r, allowed)
		return nil
	}
	i := slices.IndexFunc(routes, func(x route) bool { return x.serves(r.Method) })
	if i < 0 {
		w.Header().Set("Allow", allowed)
		return problem(codeMethodNotAllowed)
	}
	if err := limitBody(w, r); err != nil {
		return err
	}
	return routes[i].handle(w, r)
}

// serves reports whether the route answers the method; a HEAD is a GET of which
// net/http drops the body.
func (x route) serves(method string) bool {
	return x.method == method || (x.method == http.MethodGet && method == http.MethodHead)
}

// limitBody bounds the body and, for a POST, wants it to be JSON: a type that a
// foreign page cannot send without asking first.
func limitBody(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxBody {
		return problem(codeBodyTooLarge)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.Method != http.MethodPost {
		return nil
	}
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
		return problem(codeContentType)
	}
	return nil
}

// recoverPanic turns a panic into an answer. The panic's value is not logged:
// it might hold what was read from a card.
func (d *Desk) recoverPanic(w http.ResponseWriter, r *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	d.logger.Error("desk handler panicked", "pattern", r.Pattern, "type", fmt.Sprintf("%T", value))
	d.writeProblem(w, r, problem(codeInternal))
}
