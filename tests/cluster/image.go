package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    map[string]string `json:"platform,omitempty"`
}

type object = map[string]any

// image writes an OCI image archive of one binary and the files that it needs,
// which keep their paths: OUT.tar NAME:TAG BINARY [FILE...]. There is no shell
// in it, it runs as nobody, and the same input gives the same bytes.
func image(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: image OUT.tar NAME:TAG BINARY [FILE...]")
	}
	out, name, binary := args[0], args[1], args[2]
	_, tag, ok := strings.Cut(path.Base(name), ":")
	if !ok {
		return fmt.Errorf("%s has no tag", name)
	}
	entry := "/bin/" + filepath.Base(binary)
	layer, err := contents(entry, binary, args[3:])
	if err != nil {
		return err
	}
	plain := layer.bytes()

	var img archive
	img.dir("blobs/", 0o755)
	img.dir("blobs/sha256/", 0o755)
	const oci = "application/vnd.oci.image."
	blob := func(kind string, b []byte) descriptor {
		sum := digest(b)
		img.file("blobs/sha256/"+sum, 0o644, b)
		return descriptor{MediaType: oci + kind, Digest: "sha256:" + sum, Size: len(b)}
	}
	layers := []descriptor{blob("layer.v1.tar+gzip", zip(plain))}
	config := blob("config.v1+json", encode(object{
		"architecture": "amd64", "os": "linux",
		"config": object{"Entrypoint": []string{entry}, "Env": []string{"PATH=/bin"}, "User": "65532:65532"},
		"rootfs": object{"type": "layers", "diff_ids": []string{"sha256:" + digest(plain)}}}))
	manifest := blob("manifest.v1+json", encode(object{"schemaVersion": 2,
		"mediaType": oci + "manifest.v1+json", "config": config, "layers": layers}))
	manifest.Annotations = map[string]string{
		"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
	manifest.Platform = map[string]string{"architecture": "amd64", "os": "linux"}
	img.file("oci-layout", 0o644, encode(object{"imageLayoutVersion": "1.0.0"}))
	img.file("index.json", 0o644, encode(object{"schemaVersion": 2, "manifests": []descriptor{manifest}}))
	fmt.Println(name + "@" + manifest.Digest)
	return os.WriteFile(out, img.bytes(), 0o644)
}

// contents is the one layer: the binary, a user of no rights, and the files.
func contents(entry, binary string, files []string) (*archive, error) {
	layer := &archive{}
	made := map[string]bool{}
	add := func(name, from string, mode int64) error {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		parents := strings.Split(strings.Trim(path.Dir(name), "/"), "/")
		for i := range parents {
			if dir := strings.Join(parents[:i+1], "/") + "/"; !made[dir] {
				made[dir] = true
				layer.dir(dir, 0o755)
			}
		}
		layer.file(strings.TrimPrefix(name, "/"), mode, data)
		return nil
	}
	if err := add(entry, binary, 0o755); err != nil {
		return nil, err
	}
	layer.dir("tmp/", 0o1777)
	layer.dir("etc/", 0o755)
	made["etc/"] = true
	layer.file("etc/passwd", 0o644, []byte("nonroot:x:65532:65532:nonroot:/:\n"))
	for _, file := range slices.Sorted(slices.Values(files)) {
		if err := add(file, file, 0o755); err != nil {
			return nil, err
		}
	}
	return layer, nil
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// archive is a tar file in memory, with nothing in it that changes by itself.
type archive struct {
	buf bytes.Buffer
	w   *tar.Writer
}

func (a *archive) add(h *tar.Header, data []byte) {
	if a.w == nil {
		a.w = tar.NewWriter(&a.buf)
	}
	h.Size, h.Format = int64(len(data)), tar.FormatUSTAR
	if err := a.w.WriteHeader(h); err != nil {
		panic(err)
	}
	a.w.Write(data)
}

func (a *archive) dir(name string, mode int64) {
	a.add(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}, nil)
}

func (a *archive) file(name string, mode int64, data []byte) {
	a.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

func (a *archive) bytes() []byte {
	a.w.Close()
	return a.buf.Bytes()
}
