// Verify the signatures of an artifact in a registry by a public key, with cosign's library and the calls of Flux's
// source-controller: bundles if any, else the signatures under cosign's tag. Print each signed payload, one a line.
//
// cosign itself compiles for six minutes of CPU, mostly cloud and log clients that no test uses; this takes under two.
// SSL_CERT_FILE has the registry's authority, DOCKER_CONFIG its credentials.
package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/cosign/v3/pkg/cosign"
	ociremote "github.com/sigstore/cosign/v3/pkg/oci/remote"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: cosign-verify KEY.pub HOST/NAME:TAG")
		os.Exit(2)
	}
	if err := verify(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verify(ctx context.Context, file, reference string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	key, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	if err != nil {
		return err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	options := cosign.CheckOpts{
		SigVerifier:   verifier,
		ClaimVerifier: cosign.SimpleClaimVerifier, // the payload must have the digest of the reference
		Offline:       true,
		IgnoreTlog:    true,
		RegistryClientOpts: []ociremote.Option{
			ociremote.WithRemoteOptions(remote.WithAuthFromKeychain(authn.DefaultKeychain)),
		},
	}
	if bundles, _, err := cosign.GetBundles(ctx, ref, options.RegistryClientOpts); err == nil && len(bundles) > 0 {
		return errors.New("the artifact has bundles, which `pipelines publish` does not write")
	}
	signatures, _, err := cosign.VerifyImageSignatures(ctx, ref, &options)
	if err != nil {
		return err
	}
	for _, one := range signatures {
		payload, err := one.Payload()
		if err != nil {
			return err
		}
		fmt.Println(string(payload))
	}
	return nil
}
