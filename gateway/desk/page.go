package desk

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

// pageFiles are the desk page: plain HTML, one style sheet and ES modules,
// served as they are.
//
//go:embed page
var pageFiles embed.FS

// pagePath is where the page itself is; the only path a link may lead to.
const pagePath = "/"

// mediaTypes are fixed here because the mime package asks the operating system,
// and a Windows registry may say that .js is text/plain.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
}

// pageRoutes returns a route for each file of the page and each catalogue.
func pageRoutes() []route {
	routes := []route{{method: http.MethodGet, pattern: pagePath + "{$}", handle: serveFile(pageFiles, "page/index.html")}}
	for _, dir := range []struct {
		files embed.FS
		name  string
	}{{pageFiles, "page"}, {textFiles, "texts"}} {
		entries, err := dir.files.ReadDir(dir.name)
		if err != nil { // cannot happen: the directory is part of the program
			panic(err)
		}
		for _, entry := range entries {
			name := path.Join(dir.name, entry.Name())
			routes = append(routes, route{method: http.MethodGet, pattern: "/" + name, handle: serveFile(dir.files, name)})
		}
	}
	return routes
}

// serveFile answers with an embedded file.
func serveFile(files fs.FS, name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", mediaTypes[path.Ext(name)])
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data) // the client may have gone
		return nil
	}
}
