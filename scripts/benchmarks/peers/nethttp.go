// nethttp.go -- Go's net/http: nethttp URL COUNT WIDTH string|json sends COUNT messages, WIDTH at
// once. CACERT, BODY and TOKEN name files in the environment; CONNECTIONS: at most so many.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

func read(name string) []byte {
	data, err := os.ReadFile(os.Getenv(name))
	if err != nil {
		panic(err)
	}
	return data
}

// A fresh map of 60 fields each time.
func record(n int64) map[string]any {
	r := map[string]any{"order": n, "customer": "C-10017", "currency": "EUR", "plant": "1000",
		"total": 1234.5, "urgent": true, "f54": "Walldorf, Baden, Germany"}
	for i := 1; i <= 53; i++ {
		if i%2 == 1 {
			r[fmt.Sprintf("f%02d", i)] = i
		} else {
			r[fmt.Sprintf("f%02d", i)] = "x-" + strconv.Itoa(i)
		}
	}
	return r
}

func post(client *http.Client, url string, body []byte, token string) {
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("SAP_ApplicationID", "01890a5d-ac96-774b-bcce-b302099a8057")
	res, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != 200 {
		panic(res.Status)
	}
}

func main() {
	count, _ := strconv.ParseInt(os.Args[2], 10, 64)
	width, _ := strconv.Atoi(os.Args[3])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read("CACERT"))
	most, _ := strconv.Atoi(os.Getenv("CONNECTIONS"))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: width, MaxConnsPerHost: most,
		TLSClientConfig: &tls.Config{RootCAs: roots}}}
	body, token := read("BODY"), "Bearer "+string(read("TOKEN"))
	var next int64
	var all sync.WaitGroup
	for i := 0; i < width; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := atomic.AddInt64(&next, 1); n <= count; n = atomic.AddInt64(&next, 1) {
				data := body
				if os.Args[4] == "json" {
					data, _ = json.Marshal(record(n))
				}
				post(client, os.Args[1], data, token)
			}
		}()
	}
	all.Wait()
}
